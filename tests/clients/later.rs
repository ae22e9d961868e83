//! A server as it may be after a later release: some names in its answers are new.
//!
//! This release's stores and programs know no others, and yet a client that was made today has to read them.

use std::{io, net::SocketAddr};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{TcpListener, TcpStream},
};

/// The scope that answers call otherwise.
pub(crate) const RENAMED_SCOPE: &str = "schema:read";

/// As it stands in an answer today, and later: of one length, so that nothing else has to change.
const RENAMED: [(&[u8], &[u8]); 3] = [
    (br#""source":"operator""#, br#""source":"teleport""#),
    (br#""schema:read""#, br#""models:read""#),
    (br#""wrong_project""#, br#""wrong_country""#),
];

/// Forwards to `target`, as long as the runtime lasts.
pub(crate) async fn start(target: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(serve(client, target));
        }
    });
    address
}

async fn serve(client: TcpStream, target: SocketAddr) -> io::Result<()> {
    let server = TcpStream::connect(target).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (mut questions, mut answered) = client.into_split();
    let (mut answers, mut asked) = server.into_split();
    let ask = async {
        copy(&mut questions, &mut asked).await?;
        asked.shutdown().await
    };
    let answer = async {
        let mut pending = Vec::new();
        while answers.read_buf(&mut pending).await? > 0 {
            rename(&mut pending);
            let ready = pending.len() - begun(&pending);
            answered.write_all(&pending[..ready]).await?;
            pending.drain(..ready);
        }
        answered.write_all(&pending).await?;
        answered.shutdown().await
    };
    tokio::try_join!(ask, answer).map(|_| ())
}

fn rename(answer: &mut [u8]) {
    for (today, later) in RENAMED {
        for start in 0..(answer.len() + 1).saturating_sub(today.len()) {
            let there = &mut answer[start..start + today.len()];
            if there == today {
                there.copy_from_slice(later);
            }
        }
    }
}

/// How many bytes at the end may be the start of a name that goes on in the next piece.
fn begun(answer: &[u8]) -> usize {
    let starts = RENAMED.iter().flat_map(|(today, _)| (1..today.len()).map(|length| &today[..length]));
    starts.filter(|start| answer.ends_with(start)).map(<[u8]>::len).max().unwrap_or(0)
}
