//! Servers of Debian, as children. `None` where they are not installed.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A server that runs as a child, and ends when this is dropped.
pub struct Daemon {
    child: Child,
    address: SocketAddr,
}

impl Daemon {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    fn start(command: &mut Command, address: SocketAddr) -> io::Result<Option<Daemon>> {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = match command.spawn() {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        let mut daemon = Daemon { child, address };
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            if let Some(status) = daemon.child.try_wait()? {
                return Err(io::Error::other(format!("{command:?} ended: {status}")));
            }
            if begun.elapsed() > Duration::from_secs(30) {
                return Err(io::Error::other(format!("{command:?} does not listen")));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(Some(daemon))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that nobody has now.
///
/// # Errors
/// Where there is none.
pub fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")?.local_addr()
}

/// `redis-server`, which keeps everything in memory.
///
/// # Errors
/// Where it is there and cannot be started.
pub fn redis(dir: &Path) -> io::Result<Option<Daemon>> {
    let address = free_address()?;
    let mut command = Command::new("redis-server");
    command.current_dir(dir).args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port"]);
    Daemon::start(command.arg(address.port().to_string()), address)
}

/// How WebDAV is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// As it is.
    Plain,
    /// Over TLS, with a certificate that nobody signed.
    SelfSigned,
}

/// nginx with WebDAV over a directory.
///
/// # Errors
/// Where it is there and cannot be started.
pub fn dav(dir: &Path, scheme: Scheme) -> io::Result<Option<Daemon>> {
    const MODULE: &str = "/usr/lib/nginx/modules/ngx_http_dav_ext_module.so";
    const NGINX: &str = "/usr/sbin/nginx";
    if !Path::new(MODULE).is_file() || !Path::new(NGINX).is_file() {
        return Ok(None);
    }
    let address = free_address()?;
    let files = dir.join("files");
    std::fs::create_dir_all(&files)?;
    let listen = match scheme {
        Scheme::Plain => format!("listen {address};"),
        Scheme::SelfSigned => {
            // For the address, and not for signing others: a client that is told to trust it can.
            let about = "[req]\ndistinguished_name = dn\nx509_extensions = ext\nprompt = no\n[dn]\nCN = localhost\n\
                 [ext]\nbasicConstraints = critical, CA:FALSE\nsubjectAltName = IP:127.0.0.1\n";
            std::fs::write(dir.join("about.cnf"), about)?;
            let made = Command::new("openssl")
                .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-config", "about.cnf"])
                .args(["-keyout", "key.pem", "-out", "cert.pem"])
                .current_dir(dir)
                .stderr(Stdio::null())
                .status();
            if !made.is_ok_and(|status| status.success()) {
                return Ok(None);
            }
            let (cert, key) = (dir.join("cert.pem"), dir.join("key.pem"));
            format!(
                "listen {address} ssl; ssl_certificate {}; ssl_certificate_key {};",
                cert.display(),
                key.display()
            )
        }
    };
    let shown = dir.display();
    // One process, as whoever starts it: a worker would be left behind, where its master is killed.
    let text = format!(
        "load_module {MODULE};\nuser root;\ndaemon off;\nmaster_process off;\npid {shown}/pid;\nerror_log {shown}/error.log;\n\
         events {{ worker_connections 256; }}\n\
         http {{\n  access_log off;\n  client_body_temp_path {shown}/body;\n  proxy_temp_path {shown}/proxy;\n\
         \x20 fastcgi_temp_path {shown}/fastcgi;\n  uwsgi_temp_path {shown}/uwsgi;\n  scgi_temp_path {shown}/scgi;\n\
         \x20 client_max_body_size 0;\n  tcp_nodelay on;\n\
         \x20 server {{\n    {listen}\n    root {files};\n    dav_methods PUT DELETE MKCOL COPY MOVE;\n\
         \x20   dav_ext_methods PROPFIND OPTIONS;\n    create_full_put_path on;\n  }}\n}}\n",
        files = files.display()
    );
    let configuration = dir.join("nginx.conf");
    std::fs::write(&configuration, text)?;
    Daemon::start(Command::new(NGINX).arg("-c").arg(&configuration).current_dir(dir), address)
}
