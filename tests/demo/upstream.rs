//! The API behind the gateway: it answers with what it is told of its caller.

use std::{fmt::Write, io, net::SocketAddr};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// Serves until the runtime ends.
pub(crate) async fn start() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port for the upstream");
    let address = listener.local_addr().expect("its address");
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            tokio::spawn(serve(connection));
        }
    });
    address
}

/// Answers requests without bodies.
async fn serve(mut connection: TcpStream) -> io::Result<()> {
    let mut read = Vec::new();
    while connection.read_buf(&mut read).await? > 0 {
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut request = httparse::Request::new(&mut headers);
        let Ok(status) = request.parse(&read) else { break };
        let httparse::Status::Complete(length) = status else { continue };
        let mut body = "The upstream was told:\n".to_owned();
        for header in request.headers.iter().filter(|header| header.name.starts_with("x-capy-")) {
            // Writing to a string does not fail.
            let _ = writeln!(body, "{}: {}", header.name, String::from_utf8_lossy(header.value));
        }
        read.drain(..length);
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n", body.len());
        connection.write_all((head + &body).as_bytes()).await?;
    }
    Ok(())
}
