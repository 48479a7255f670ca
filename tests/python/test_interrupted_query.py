"""A query that is interrupted: the connection must not give its late answer to the next query.

The cells speak PostgreSQL's protocol over a socket of the standard library, so no crate is needed.
"""

import time

import pytest

from harness.postgres import Postgres

CLIENT = r'''
struct Database(std::net::TcpStream);
impl Database {
    fn connect(port: u16) -> std::io::Result<Database> {
        use std::io::Write;
        let mut database = Database(std::net::TcpStream::connect(("127.0.0.1", port))?);
        let mut start = 196_608u32.to_be_bytes().to_vec();
        start.extend_from_slice(b"user\0planted\0database\0planted\0\0");
        database.0.write_all(&(start.len() as u32 + 4).to_be_bytes())?;
        database.0.write_all(&start)?;
        database.rows()?;
        Ok(database)
    }
    fn query(&mut self, sql: &str) -> std::io::Result<Vec<String>> {
        use std::io::Write;
        let mut message = vec![b'Q'];
        message.extend_from_slice(&(sql.len() as u32 + 5).to_be_bytes());
        message.extend_from_slice(sql.as_bytes());
        message.push(0);
        self.0.write_all(&message)?;
        self.rows()
    }
    /// The fields of all rows, up to the message that says that the next query may come.
    fn rows(&mut self) -> std::io::Result<Vec<String>> {
        use std::io::Read;
        let mut fields = Vec::new();
        loop {
            let mut head = [0; 5];
            self.0.read_exact(&mut head)?;
            let mut body = vec![0; u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize - 4];
            self.0.read_exact(&mut body)?;
            match head[0] {
                b'Z' => return Ok(fields),
                b'E' => return Err(std::io::Error::other(String::from_utf8_lossy(&body).replace('\0', " "))),
                b'D' => {
                    let mut rest = &body[2..];
                    while !rest.is_empty() {
                        let size = i32::from_be_bytes([rest[0], rest[1], rest[2], rest[3]]).max(0) as usize;
                        fields.push(String::from_utf8_lossy(&rest[4..4 + size]).into_owned());
                        rest = &rest[4 + size..];
                    }
                }
                _ => {}
            }
        }
    }
}
'''
SLEEPING = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%planted late answer%' AND pid <> pg_backend_pid();"


@pytest.fixture(scope="module")
def database():
    with Postgres("planted", "planted-and-not-asked-for", "planted", auth="trust") as database:
        yield database


def test_the_next_query_does_not_get_the_old_answer(kernel, database):
    kernel.ok(CLIENT)
    kernel.ok(f"let mut database = Database::connect({database.port}).unwrap(); let kept = vec![1, 2, 3];")
    assert kernel.ok("database.query(\"SELECT 'planted ' || 40 + 2\").unwrap()").result["text/plain"] == '["planted 42"]'
    cell = kernel.client.execute("database.query(\"SELECT pg_sleep(600), 'planted late answer'\").unwrap();")
    deadline = time.monotonic() + 60
    while database.sql("postgres", SLEEPING) != "1\n":
        assert time.monotonic() < deadline, "the query did not start"
    interrupted = time.monotonic()
    kernel.manager.interrupt_kernel()
    kernel._until_idle(cell, 60, [])
    content = kernel._reply(cell, 60)["content"]
    assert content["ename"] == "KeyboardInterrupt" and time.monotonic() - interrupted < 30
    # The error names the connection that is gone.
    assert f"127.0.0.1:{database.port}" in "\n".join([content["evalue"], *content["traceback"]])
    # Querying again fails; it does not wait, and it does not get what the interrupted query would have given.
    again = kernel.ok("database.query(\"SELECT 'next'\").is_err()")
    assert again.result["text/plain"] == "true"
    # Another connection works, and everything else is as it was.
    kernel.ok(f"let mut database = Database::connect({database.port}).unwrap();")
    result = kernel.ok("(database.query(\"SELECT 'next'\").unwrap(), &kept)").result["text/plain"]
    assert result == '(["next"], [1, 2, 3])'
