//! Requests that are cut off, oversized, malformed or slow. Protocol: <https://valkey.io/topics/protocol/>.

use std::time::Duration;

use super::{CLOSE_MAX, FaultError, SILENCE, Transcript, with_server};
use crate::client::{Client, encode};
use crate::server::{Kind, Server};

/// Sends bytes on a connection of its own and notes what comes until the close, or until it stays silent.
fn fresh(
    server: &Server,
    transcript: &mut Transcript,
    label: &str,
    bytes: &[u8],
    wait: Duration,
) -> Result<(), FaultError> {
    let mut client = server.connect()?;
    // A refused request can be reset while it is still being sent.
    let _ = client.send(bytes);
    let replies = client.receive_to_close(wait);
    transcript.received(label, &replies);
    Ok(())
}

/// A request cut at every byte, after which the client closes: no reply to the cut one, and nothing is stored.
pub(super) fn truncated_frames(kind: Kind, transcript: &mut Transcript) -> Result<(), FaultError> {
    with_server(kind, &[], |server| {
        let mut request = Vec::new();
        encode(&["PING"], &mut request);
        encode(&["SET", "cut", "value"], &mut request);
        for cut in 1..request.len() {
            let mut client = server.connect()?;
            client.send(&request[..cut])?;
            client.finish_sending()?;
            let replies = client.receive_to_close(CLOSE_MAX);
            transcript.received(&format!("cut at {cut}"), &replies);
        }
        let mut client = server.connect()?;
        Ok(transcript.converse(&mut client, &["EXISTS cut", "DBSIZE"])?)
    })
}

/// Each malformed request gets its own error text, then the close; replies to what came before it are sent.
pub(super) fn malformed_frames(kind: Kind, transcript: &mut Transcript) -> Result<(), FaultError> {
    let requests: &[&[u8]] = &[
        b"*x\r\n",
        b"*1\r\nPING\r\n",
        b"*1\r\n:4\r\n",
        b"*1\r\n$x\r\n",
        b"*1\r\n$-1\r\n",
        b"*1\r\n$536870913\r\n",
        b"*1\r\n$1073741824\r\n",
        b"*2147483648\r\n",
        b"*99999999999999999999\r\n",
        b"PING\r\n*1\r\n$4\r\nPING\r\n*1\r\n!\r\n",
        b"SET k \"open\r\n",
        b"SET k 'a'b\r\n",
        b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$x\r\n",
        b"*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nQUIT\r\n*1\r\n$4\r\nPING\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"\x80\x01\x00\x00\r\n",
    ];
    with_server(kind, &[], |server| {
        for request in requests {
            fresh(server, transcript, &crate::reply::escape(request, 100), request, SILENCE)?;
        }
        // A header line that never ends.
        for first in [b"*".as_slice(), b"*1\r\n$"] {
            let mut endless = first.to_vec();
            endless.resize(70_000, b'1');
            fresh(server, transcript, "endless header", &endless, SILENCE)?;
        }
        Ok(())
    })
}

/// Bulks that are declared and never sent: no memory is spent on a promise.
pub(super) fn declared_and_never_sent(kind: Kind, transcript: &mut Transcript) -> Result<(), FaultError> {
    with_server(kind, &["--proto-max-bulk-len", "2gb", "--client-query-buffer-limit", "4gb"], |server| {
        let before = server.resident_bytes()?;
        let mut clients: Vec<Client> = Vec::new();
        for _ in 0..20 {
            let mut client = server.connect()?;
            client.send(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1073741824\r\nonly a beginning")?;
            clients.push(client);
        }
        for _ in 0..20 {
            let mut client = server.connect()?;
            client.send(b"*1048576\r\n$3\r\nDEL\r\n")?;
            clients.push(client);
        }
        std::thread::sleep(Duration::from_millis(300));
        let grown = server.resident_bytes()?.saturating_sub(before);
        // Forty clients of this kind may cost what forty ordinary ones with a large buffer do.
        if kind == Kind::Brasa && grown > 32 << 20 {
            return Err(FaultError::Broken(format!("memory grew by {grown} bytes on declarations alone")));
        }
        for client in &mut clients {
            client.finish_sending()?;
            let replies = client.receive_to_close(CLOSE_MAX);
            transcript.received("declared only", &replies);
        }
        Ok(())
    })
}

/// A command of a million words is served; the words are really there.
pub(super) fn million_element_multibulk(kind: Kind, transcript: &mut Transcript) -> Result<(), FaultError> {
    with_server(kind, &[], |server| {
        let mut client = server.connect()?;
        client.set_timeout(Duration::from_secs(60))?;
        let mut words = vec![b"EXISTS".to_vec()];
        words.resize(1_000_000, b"there".to_vec());
        transcript.converse(&mut client, &["SET there 1"])?;
        let mut request = Vec::new();
        encode(&words, &mut request);
        client.send(&request)?;
        let replies = client.receive(1);
        transcript.received("EXISTS of 999,999 keys", &replies);
        let mut words = vec![b"MSET".to_vec()];
        words.extend((0..1_000_000).map(|n: u32| {
            if n.is_multiple_of(2) { (n % 1000).to_string() } else { "v".into() }.into_bytes()
        }));
        request.clear();
        encode(&words, &mut request);
        client.send(&request)?;
        let replies = client.receive(1);
        transcript.received("MSET of 500,000 pairs", &replies);
        Ok(transcript.converse(&mut client, &["DBSIZE", "PING"])?)
    })
}

/// Forty clients that send one byte at a time, in turns; all get their replies.
pub(super) fn slow_loris(kind: Kind, transcript: &mut Transcript) -> Result<(), FaultError> {
    with_server(kind, &[], |server| {
        let mut clients = Vec::new();
        for number in 0..40 {
            let key = format!("loris{number}");
            let mut request = Vec::new();
            encode(&["SET", &key, "slow"], &mut request);
            request.extend_from_slice(format!("GET {key}\r\n").as_bytes());
            clients.push((server.connect()?, request));
        }
        let longest = clients.iter().map(|(_, request)| request.len()).max().unwrap_or(0);
        for index in 0..longest {
            for (client, request) in &mut clients {
                if let Some(byte) = request.get(index..=index) {
                    client.send(byte)?;
                }
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        for (client, _) in &mut clients {
            let replies = client.receive(2);
            transcript.received("byte by byte", &replies);
        }
        Ok(())
    })
}

/// A browser tricked into posting to the port: cut off without a reply, whatever stands around it.
pub(super) fn http_request_is_cut_off(kind: Kind, transcript: &mut Transcript) -> Result<(), FaultError> {
    let requests: &[&[u8]] = &[
        b"POST / HTTP/1.1\r\nHost: example\r\n\r\nSET hacked 1\r\n",
        b"post\r\n",
        b"Host: example\r\n",
        b"host:\r\n",
        b"*1\r\n$4\r\nPOST\r\n",
        b"*2\r\n$5\r\nHost:\r\n$1\r\nx\r\n",
        b"GET /\r\n",
    ];
    with_server(kind, &[], |server| {
        for request in requests {
            fresh(server, transcript, &crate::reply::escape(request, 100), request, SILENCE)?;
        }
        // The error of the first line is lost or not, depending on when the second arrives; the close is certain.
        let mut client = server.connect()?;
        client.send(b"GET / HTTP/1.1\r\n")?;
        let replies = client.receive(1);
        transcript.received("first line of a GET", &replies);
        client.send(b"Host: example\r\nSET hacked 1\r\n")?;
        let replies = client.receive_to_close(CLOSE_MAX);
        transcript.received("second line", &replies);
        let mut client = server.connect()?;
        Ok(transcript.converse(&mut client, &["EXISTS hacked"])?)
    })
}

/// An inline request of more than 64 KB without a line end.
pub(super) fn huge_inline_request(kind: Kind, transcript: &mut Transcript) -> Result<(), FaultError> {
    with_server(kind, &[], |server| {
        let wait = SILENCE;
        fresh(server, transcript, "100,000 letters", &[b'a'; 100_000], wait)?;
        let mut line = b"ECHO ".to_vec();
        line.resize(60_000, b'a');
        line.extend_from_slice(b"\r\n");
        let mut client = server.connect()?;
        client.send(&line)?;
        let replies = client.receive(1);
        transcript.received("60,000 letters and a line end", &replies);
        Ok(())
    })
}
