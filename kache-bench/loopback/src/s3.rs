//! An S3 server over a directory. Without the feature `s3` it cannot be started.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Who may use it.
pub const ACCESS_KEY: &str = "loopback";
/// And how they prove it.
pub const SECRET_KEY: &str = "loopback-secret";
/// The bucket that there is.
pub const BUCKET: &str = "kache";

/// A running server.
pub struct S3 {
    address: SocketAddr,
    dir: PathBuf,
    /// Dropped, it takes the server along.
    #[cfg(feature = "s3")]
    _runtime: tokio::runtime::Runtime,
}

impl S3 {
    /// Serves a directory, with one empty bucket in it.
    ///
    /// # Errors
    /// Where the directory cannot be made, or nothing can be listened on.
    #[cfg(feature = "s3")]
    pub fn start(dir: &Path) -> io::Result<S3> {
        use hyper_util::rt::{TokioExecutor, TokioIo};
        use hyper_util::server::conn::auto::Builder;
        use s3s::auth::SimpleAuth;
        use s3s::service::S3ServiceBuilder;
        use s3s_fs::FileSystem;
        use tokio::net::TcpListener;

        std::fs::create_dir_all(dir.join(BUCKET))?;
        let files = FileSystem::new(dir).map_err(|e| io::Error::other(format!("{e:?}")))?;
        let mut service = S3ServiceBuilder::new(files);
        service.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        let service = service.build();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
        let address = listener.local_addr()?;
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // As real services do; without it the kernel waits 40 ms between the head of an answer and its body.
                let _ = stream.set_nodelay(true);
                let service = service.clone();
                tokio::spawn(async move {
                    let server = Builder::new(TokioExecutor::new());
                    let _ = server.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Ok(S3 { address, dir: dir.to_path_buf(), _runtime: runtime })
    }

    /// # Errors
    /// Always.
    #[cfg(not(feature = "s3"))]
    pub fn start(_: &Path) -> io::Result<S3> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "this program was compiled without the S3 server"))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where the bucket's objects lie.
    pub fn objects(&self) -> PathBuf {
        self.dir.join(BUCKET)
    }
}
