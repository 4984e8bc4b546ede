//! Servers of other projects as child processes; `None` if they are not installed.

use socket2::{Domain, Socket, Type};
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

const MODULE: &str = "/usr/lib/nginx/modules/ngx_http_dav_ext_module.so";
const NGINX: &str = "/usr/sbin/nginx";
/// Ports that are tried before an error.
const ATTEMPTS: usize = 5;

/// A server process that is killed on drop.
pub struct Daemon {
    child: Child,
    address: SocketAddr,
}

impl Daemon {
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Starts a server at a port that the system chooses. Another process can take the port before the server
    /// binds it; the server then exits, and another port is tried.
    fn start(command: impl Fn(SocketAddr) -> io::Result<Command>) -> io::Result<Option<Daemon>> {
        let mut ended = None;
        for _ in 0..ATTEMPTS {
            let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
            let mut command = command(address)?;
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            let child = match command.spawn() {
                Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
                other => other?,
            };
            let mut daemon = Daemon { child, address };
            match daemon.wait_until_listening()? {
                None => return Ok(Some(daemon)),
                Some(status) => ended = Some(format!("{command:?} ended: {status}")),
            }
        }
        Err(io::Error::other(ended.unwrap_or_default()))
    }

    /// The exit status if the server ends instead of listening.
    fn wait_until_listening(&mut self) -> io::Result<Option<ExitStatus>> {
        let begun = Instant::now();
        loop {
            let listens = TcpStream::connect(self.address).is_ok();
            if let Some(status) = self.child.try_wait()? {
                return Ok(Some(status));
            }
            if listens {
                return Ok(None);
            }
            if begun.elapsed() > Duration::from_secs(120) {
                return Err(io::Error::other(format!("the server does not listen at {}", self.address)));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An address at which connections are refused, reserved until the socket is dropped.
pub fn refusing() -> io::Result<(Socket, SocketAddr)> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())?;
    let address = socket.local_addr()?.as_socket().ok_or_else(|| io::Error::other("not an IP address"))?;
    Ok((socket, address))
}

/// `redis-server`, in memory only.
pub fn redis(dir: &Path) -> io::Result<Option<Daemon>> {
    Daemon::start(|address| {
        let mut command = Command::new("redis-server");
        command.current_dir(dir).args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port"]);
        command.arg(address.port().to_string());
        Ok(command)
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    Plain,
    /// Over TLS with a self-signed certificate.
    SelfSigned,
}

/// nginx with WebDAV for a directory.
pub fn dav(dir: &Path, scheme: Scheme) -> io::Result<Option<Daemon>> {
    if !Path::new(MODULE).is_file() || !Path::new(NGINX).is_file() {
        return Ok(None);
    }
    let files = dir.join("files");
    std::fs::create_dir_all(&files)?;
    if scheme == Scheme::SelfSigned && !sign(dir)? {
        return Ok(None);
    }
    Daemon::start(|address| {
        let configuration = dir.join("nginx.conf");
        std::fs::write(&configuration, configure(dir, &files, scheme, address))?;
        let mut command = Command::new(NGINX);
        command.arg("-c").arg(&configuration).current_dir(dir);
        Ok(command)
    })
}

/// How BuildGrid is started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BuildGrid {
    /// Whether clients can update action results.
    pub read_only: bool,
    /// Whether each request needs [`TOKEN`].
    pub token: bool,
    /// Over TLS with the self-signed certificate `cert.pem` of the directory, which clients must also present (with
    /// `key.pem`).
    pub mutual_tls: bool,
}

/// What [`TOKEN`] is signed with.
const TOKEN_SECRET: &str = "a secret of 32 bytes for a test!";
/// A JSON web token that [`BuildGrid::token`] accepts until 2100.
pub const TOKEN: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJleHAiOjQxMDI0NDQ4MDB9.T7YbiOjFh-xdiJ7bRF6EVdWDqkHX-onEJqqPuiLxj6o";

impl BuildGrid {
    /// `bgd` of BuildGrid, a server of the Remote Execution API: instance `main`, blobs below `dir/cas`, action results
    /// in memory. `scripts/buildgrid.sh` installs it.
    ///
    /// # Errors
    /// If a file cannot be written, or the server does not start.
    pub fn start(self, dir: &Path) -> io::Result<Option<Daemon>> {
        if self.mutual_tls && !sign(dir)? {
            return Ok(None);
        }
        Daemon::start(|address| {
            let configuration = dir.join("buildgrid.yml");
            std::fs::write(&configuration, self.configure(dir, address))?;
            std::fs::write(dir.join("secret"), TOKEN_SECRET)?;
            let mut command = Command::new("bgd");
            command.args(["server", "start"]).arg(&configuration).current_dir(dir);
            Ok(command)
        })
    }

    fn configure(self, dir: &Path, address: SocketAddr) -> String {
        let shown = dir.display();
        let tls = match self.mutual_tls {
            false => "    insecure-mode: true\n".to_string(),
            true => format!(
                "    insecure-mode: false\n    credentials:\n      tls-server-key: {shown}/key.pem\n\
                 \x20     tls-server-cert: {shown}/cert.pem\n      tls-client-certs: {shown}/cert.pem\n"
            ),
        };
        let authorization = match self.token {
            false => "  method: none\n".to_string(),
            true => format!("  method: jwt\n  secret: {shown}/secret\n  algorithm: hs256\n"),
        };
        let update = !self.read_only;
        format!(
            "server:\n  - !channel\n    address: {address}\n{tls}authorization:\n{authorization}\
             storages:\n  - !disk-storage &cas\n    path: {shown}/cas\n\
             caches:\n  - !lru-action-cache &results\n    storage: *cas\n    max-cached-refs: 1000000\n\
             \x20   allow-updates: {update}\n\
             instances:\n  - name: main\n    description: ''\n    services:\n\
             \x20     - !action-cache\n        cache: *results\n      - !cas\n        storage: *cas\n\
             \x20     - !bytestream\n        storage: *cas\nthread-pool-size: 64\n"
        )
    }
}

/// Creates a self-signed certificate for the address; false without openssl.
fn sign(dir: &Path) -> io::Result<bool> {
    // Not a CA certificate: a client that is configured to trust it can use it for this address only.
    let about = "[req]\ndistinguished_name = dn\nx509_extensions = ext\nprompt = no\n[dn]\nCN = localhost\n\
         [ext]\nbasicConstraints = critical, CA:FALSE\nsubjectAltName = IP:127.0.0.1\n";
    std::fs::write(dir.join("about.cnf"), about)?;
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-config", "about.cnf"])
        .args(["-keyout", "key.pem", "-out", "cert.pem"])
        .current_dir(dir)
        .stderr(Stdio::null())
        .status();
    Ok(made.is_ok_and(|status| status.success()))
}

fn configure(dir: &Path, files: &Path, scheme: Scheme, address: SocketAddr) -> String {
    let listen = match scheme {
        Scheme::Plain => format!("listen {address};"),
        Scheme::SelfSigned => {
            let (cert, key) = (dir.join("cert.pem"), dir.join("key.pem"));
            let (cert, key) = (cert.display(), key.display());
            format!("listen {address} ssl; ssl_certificate {cert}; ssl_certificate_key {key};")
        }
    };
    let shown = dir.display();
    // A single process: a worker would survive when its master is killed.
    format!(
        "load_module {MODULE};\nuser root;\ndaemon off;\nmaster_process off;\npid {shown}/pid;\nerror_log {shown}/error.log;\n\
         events {{ worker_connections 256; }}\n\
         http {{\n  access_log off;\n  client_body_temp_path {shown}/body;\n  proxy_temp_path {shown}/proxy;\n\
         \x20 fastcgi_temp_path {shown}/fastcgi;\n  uwsgi_temp_path {shown}/uwsgi;\n  scgi_temp_path {shown}/scgi;\n\
         \x20 client_max_body_size 0;\n  tcp_nodelay on;\n\
         \x20 server {{\n    {listen}\n    root {files};\n    dav_methods PUT DELETE MKCOL COPY MOVE;\n\
         \x20   dav_ext_methods PROPFIND OPTIONS;\n    create_full_put_path on;\n  }}\n}}\n",
        files = files.display()
    )
}
