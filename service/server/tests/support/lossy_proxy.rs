//! A proxy that loses answers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Gives connections to the servers in turn, but drops a connection instead of every third answer. Counts what it dropped.
pub async fn start(to: Vec<SocketAddr>) -> (SocketAddr, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let dropped = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&dropped);
    tokio::spawn(async move {
        let answers = Arc::new(AtomicU64::new(0));
        let mut turn = to.into_iter().cycle();
        while let Ok((client, _)) = listener.accept().await {
            let (answers, count) = (Arc::clone(&answers), Arc::clone(&count));
            let server = turn.next().unwrap();
            tokio::spawn(async move {
                let (mut from_client, mut to_client) = client.into_split();
                let (mut from_server, mut to_server) = TcpStream::connect(server).await.unwrap().into_split();
                let up = tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
                let mut buffer = vec![0; 64 << 10];
                while let Ok(read @ 1..) = from_server.read(&mut buffer).await {
                    if answers.fetch_add(1, Ordering::SeqCst) % 3 == 2 {
                        count.fetch_add(1, Ordering::SeqCst);
                        break;
                    }
                    if to_client.write_all(&buffer[..read]).await.is_err() {
                        break;
                    }
                }
                up.abort();
            });
        }
    });
    (address, dropped)
}
