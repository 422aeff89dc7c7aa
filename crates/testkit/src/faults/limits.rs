//! Limits that protect a server from its clients: <https://valkey.io/topics/clients/>.

use std::time::Duration;

use super::{CLOSE_MAX, FaultError, PASSWORD, SILENCE, Transcript, with_server};
use crate::client::encode;
use crate::server::Kind;

/// A request larger than the query buffer may be: the connection is closed.
pub(super) fn query_buffer_limit(kind: Kind, transcript: &mut Transcript) -> Result<(), FaultError> {
    with_server(kind, &["--client-query-buffer-limit", "1mb"], |server| {
        let mut client = server.connect()?;
        let mut request = Vec::new();
        encode(&["SET", "small", &"x".repeat(500_000)], &mut request);
        client.send(&request)?;
        let replies = client.receive(1);
        transcript.received("half a megabyte", &replies);
        request.clear();
        encode(&["SET", "large", &"x".repeat(4_000_000)], &mut request);
        let _ = client.send(&request);
        let replies = client.receive_to_close(CLOSE_MAX);
        transcript.received("four megabytes", &replies);
        // What has been taken apart into words no longer counts.
        let mut client = server.connect()?;
        request.clear();
        encode(&vec!["word"; 400_000], &mut request);
        client.send(&request)?;
        let replies = client.receive(1);
        transcript.received("four megabytes in small words", &replies);
        let mut client = server.connect()?;
        Ok(transcript.converse(&mut client, &["STRLEN small", "EXISTS large"])?)
    })
}

/// A client that asks and never reads is disconnected; the replies it does not fetch do not fill the memory.
pub(super) fn client_that_never_reads(kind: Kind, transcript: &mut Transcript) -> Result<(), FaultError> {
    with_server(kind, &["--client-output-buffer-limit", "normal 4mb 0 0"], |server| {
        let mut writer = server.connect()?;
        let value = "x".repeat(100_000);
        writer.command(&["SET", "big", &value])?;
        let before = server.resident_bytes()?;
        let mut client = server.connect()?;
        client.command(&["CLIENT", "SETNAME", "greedy"])?;
        let mut request = Vec::new();
        for _ in 0..1000 {
            encode(&["GET", "big"], &mut request);
        }
        // 100 MB of replies; the server may close before it has read all requests.
        let _ = client.send(&request);
        let listed = |writer: &mut crate::client::Client| -> Result<bool, FaultError> {
            let list = writer.command(&["CLIENT", "LIST"])?;
            Ok(String::from_utf8_lossy(&list).contains("name=greedy"))
        };
        let mut gone = false;
        for _ in 0..500 {
            gone = !listed(&mut writer)?;
            if gone {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        transcript.note(format!("disconnected: {gone}"));
        let grown = server.resident_bytes()?.saturating_sub(before);
        transcript.note(format!("memory grew by more than 64 MB: {}", grown > 64 << 20));
        let counted = writer.command(&["INFO", "stats"])?;
        let counted = String::from_utf8_lossy(&counted).into_owned();
        let line = counted.lines().find(|line| line.starts_with("client_output_buffer_limit_disconnections"));
        transcript.note(line.unwrap_or("not counted"));
        Ok(())
    })
}

/// Before AUTH, only small requests are taken.
pub(super) fn unauthenticated_limits(kind: Kind, transcript: &mut Transcript) -> Result<(), FaultError> {
    with_server(kind, &["--requirepass", PASSWORD], |server| {
        for request in [
            b"*11\r\n".as_slice(),
            b"*10\r\n$4\r\nPING\r\n",
            b"*1\r\n$16385\r\n",
            b"*2\r\n$4\r\nAUTH\r\n$16384\r\n",
            b"*1\r\n$536870913\r\n",
            b"POST\r\n",
        ] {
            let mut client = server.connect()?;
            let _ = client.send(request);
            let replies = client.receive_to_close(SILENCE);
            transcript.received(&crate::reply::escape(request, 60), &replies);
        }
        Ok(())
    })
}

/// What is refused before AUTH and what is not.
pub(super) fn noauth(kind: Kind, transcript: &mut Transcript) -> Result<(), FaultError> {
    with_server(kind, &["--requirepass", PASSWORD], |server| {
        let mut client = server.connect()?;
        transcript.converse(
            &mut client,
            &[
                "PING",
                "GET k",
                "GET",
                "NOPE",
                "INFO",
                "MULTI",
                "EXEC",
                "DISCARD",
                "WATCH k",
                "CLIENT ID",
                "CLIENT NOPE",
                "COMMAND COUNT",
                "SELECT 1",
                "HELLO",
                "HELLO 3",
                "HELLO 9",
                "HELLO 3 AUTH default wrong",
                "AUTH",
                "AUTH wrong",
                "AUTH default wrong",
                "AUTH nobody fault-test",
                "RESET",
                "AUTH fault-test",
                "PING",
                "GET k",
                "RESET",
                "GET k",
                "AUTH default fault-test",
                "SET k v",
                "AUTH wrong",
                "GET k",
            ],
        )?;
        let mut client = server.connect()?;
        client.send(b"*1\r\n$4\r\nQUIT\r\n")?;
        let replies = client.receive_to_close(CLOSE_MAX);
        transcript.received("QUIT", &replies);
        Ok(())
    })
}

/// One client too many gets an error and the close; after another has left, there is room again.
pub(super) fn maxclients(kind: Kind, transcript: &mut Transcript) -> Result<(), FaultError> {
    with_server(kind, &["--maxclients", "4"], |server| {
        // The bystander is the first.
        let mut clients = Vec::new();
        for _ in 0..3 {
            let mut client = server.connect()?;
            transcript.converse(&mut client, &["PING"])?;
            clients.push(client);
        }
        for _ in 0..3 {
            let mut client = server.connect()?;
            let replies = client.receive_to_close(CLOSE_MAX);
            transcript.received("one too many", &replies);
        }
        drop(clients.pop());
        let mut admitted = false;
        for _ in 0..200 {
            std::thread::sleep(Duration::from_millis(5));
            admitted = server.connect()?.command(&["PING"]).is_ok_and(|reply| reply == b"+PONG\r\n");
            if admitted {
                break;
            }
        }
        transcript.note(format!("admitted again: {admitted}"));
        let reply = clients[0].command(&["INFO", "stats"])?;
        let counted = String::from_utf8_lossy(&reply)
            .lines()
            .any(|line| line.starts_with("rejected_connections:") && !line.ends_with(":0"));
        transcript.note(format!("rejections counted: {counted}"));
        Ok(())
    })
}

/// A full server refuses what needs memory, and serves the rest.
pub(super) fn full_memory(kind: Kind, transcript: &mut Transcript) -> Result<(), FaultError> {
    with_server(kind, &["--maxmemory-policy", "noeviction"], |server| {
        let mut client = server.connect()?;
        transcript.converse(
            &mut client,
            &[
                "SET k value",
                "SET n 1",
                "CONFIG SET maxmemory 1",
                "SET k other",
                "APPEND k x",
                "INCR n",
                "SETRANGE k 0 x",
                "SETBIT b 1 1",
                "MSET a 1 b 2",
                "PFADD h a",
                "COPY k l",
                "BITOP NOT d k",
                "BITFIELD b SET u8 0 1",
                "GETSET k x",
                "SET k",
                "GET k",
                "STRLEN k",
                "MGET k n",
                "TTL k",
                "EXPIRE k 1000",
                "PERSIST k",
                "RENAME k m",
                "TYPE m",
                "SCAN 0 COUNT 100 TYPE list",
                "MULTI",
                "GET m",
                "SET m x",
                "EXEC",
                "MULTI",
                "GET m",
                "DEL n",
                "EXEC",
                "GETDEL m",
                "UNLINK n",
                "DBSIZE",
                "CONFIG SET maxmemory 0",
                "SET k again",
                "GET k",
            ],
        )?;
        // A real limit, reached by real data: once refused, room must come back with deletions.
        transcript.converse(&mut client, &["FLUSHALL", "CONFIG SET maxmemory 20mb"])?;
        let value = "x".repeat(10_000);
        let mut stored = 0_u32;
        let refusal = loop {
            let reply = client.command(&["SET", &format!("fill{stored}"), &value])?;
            if reply != b"+OK\r\n" {
                break reply;
            }
            stored += 1;
            if stored > 10_000 {
                return Err(FaultError::Broken("100 MB fit into 20 MB".into()));
            }
        };
        transcript.note(format!("refused: {}", crate::reply::escape(&refusal, 200)));
        transcript.note(format!("stored between 10 and 20 MB: {}", (1000..2000).contains(&stored)));
        for index in 0..100 {
            client.command(&["DEL", &format!("fill{index}")])?;
        }
        transcript.converse(&mut client, &["SET after room", "GET after"])?;
        Ok(())
    })
}

/// `timeout` closes idle clients, within a couple of seconds of their time.
pub(super) fn idle_timeout(kind: Kind, transcript: &mut Transcript) -> Result<(), FaultError> {
    with_server(kind, &["--timeout", "1"], |server| {
        let mut idle = server.connect()?;
        transcript.converse(&mut idle, &["PING"])?;
        let replies = idle.receive_to_close(CLOSE_MAX);
        transcript.received("idle", &replies);
        Ok(())
    })
}
