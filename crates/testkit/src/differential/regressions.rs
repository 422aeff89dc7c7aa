//! Sequences that failed once. Each runs in `tests/differential.rs` before anything random.
//!
//! A short script, as the minimiser prints it, outlives changes of the generators; a seed is kept where no short
//! script shows the fault.

/// What is replayed.
#[derive(Debug)]
pub enum Case {
    /// Lines as [`super::step::Step::parse`] reads them.
    Script(&'static [&'static str]),
    /// A generated sequence.
    Seed {
        /// The seed of the sequence itself, as printed in the report.
        seed: u64,
        /// Steps.
        count: usize,
        /// Names of the families, separated by commas.
        families: &'static str,
    },
}

/// A sequence that failed once.
#[derive(Debug)]
pub struct Regression {
    /// What it showed.
    pub name: &'static str,
    /// How to see it again.
    pub case: Case,
}

/// All of them.
pub const REGRESSIONS: &[Regression] = &[
    Regression {
        name: "a transaction sees the commands queued before it, errors included",
        case: Case::Script(&[
            "0 MULTI",
            "0 SET k 1",
            "0 INCR k",
            "0 LCS k",
            "0 EXEC",
            "0 MULTI",
            "0 APPEND k x",
            "0 INCR k",
            "0 EXEC",
            "0 GET k",
        ]),
    },
    Regression {
        name: "a watched key that another client touches",
        case: Case::Script(&["0 WATCH k", "1 SET k v", "0 MULTI", "0 GET k", "0 EXEC", "0 GET k"]),
    },
    Regression {
        name: "a key expires within a pipeline's reach",
        case: Case::Script(&["0 SET k v PX 3", "+0 !pause 12 k", "0 DBSIZE", "0 INFO keyspace", "0 GET k"]),
    },
    Regression {
        name: "a refused command uses up CLIENT REPLY SKIP",
        case: Case::Script(&[
            r#"0 !raw "CLIENT REPLY SKIP\r\nNOPE x\r\nGET\r\nPING\r\n""#,
            r#"0 !raw "CLIENT REPLY SKIP\r\nGET\r\nNOPE\r\nPING\r\n""#,
        ]),
    },
    Regression {
        name: "a transaction that cannot succeed any more forgets its queue",
        case: Case::Script(&[
            "0 MULTI",
            "0 GET k",
            "1 CLIENT LIST",
            "0 GET",
            "1 CLIENT LIST",
            "0 GET k",
            "1 CLIENT LIST",
        ]),
    },
    Regression {
        name: "arity inside a transaction is that of the queued command",
        case: Case::Script(&[
            "0 MULTI",
            "0 UNWATCH",
            "0 EXEC",
            "0 WATCH k",
            "0 MULTI",
            "0 UNWATCH",
            "0 EXEC extra",
            "0 EXEC",
        ]),
    },
    Regression {
        name: "corrupted HyperLogLogs are told from other strings",
        case: Case::Script(&[
            "0 SET h:3 408136",
            "0 PFADD h:1 cccebdfcbaebbccbbdba 10",
            "0 BITFIELD h:1 GET u63 288 INCRBY u7 261 65",
            "0 PFMERGE h:5 h:5 h:1 h:3",
            "0 PFCOUNT h:1 h:3",
            "0 PFCOUNT h:3 h:1",
        ]),
    },
    Regression {
        name: "the first of several HyperLogLogs with an error has it",
        case: Case::Script(&[
            r#"0 SET h:1 "HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x7f\xfe""#,
            "0 SET h:2 x",
            "0 PFCOUNT h:1 h:2",
            "0 PFMERGE h:1 h:2",
            "0 PFMERGE h:3 h:2 h:1",
        ]),
    },
    Regression {
        name: "elements before the one that shows a HyperLogLog's damage stay in",
        case: Case::Script(&[
            r#"0 SET h "HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x5f\xff""#,
            "0 PFADD h a b c d e f g h",
            "0 GET h",
            "0 PFADD h 1 2 3 4 5 6 7 8 9",
            "0 GET h",
        ]),
    },
    Regression {
        name: "looking into a string makes it raw, unseen by those who watch it",
        case: Case::Script(&[
            r#"0 SET h "HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x7f\xff""#,
            "0 SET b edcccadccfbdacceccdafafbabcaeabdfdaedbfebd",
            "0 SET n 12",
            "1 WATCH h b n",
            "0 PFCOUNT h",
            "0 OBJECT ENCODING h",
            "0 BITFIELD b SET u1 253 1",
            "0 OBJECT ENCODING b",
            "0 SETBIT n 0 0",
            "0 OBJECT ENCODING n",
            "0 PFDEBUG TODENSE h",
            "1 MULTI",
            "1 GET b",
            "1 EXEC",
        ]),
    },
    Regression {
        name: "a parameter counts from the next command of the pipeline on",
        case: Case::Script(&[
            "0 SET k v",
            "0 CONFIG SET maxmemory-policy allkeys-lfu",
            "0 OBJECT FREQ k",
            "0 MULTI",
            "0 CONFIG SET maxmemory-policy allkeys-lru",
            "0 OBJECT FREQ k",
            "0 EXEC",
        ]),
    },
    Regression {
        name: "killed clients are not listed any more",
        case: Case::Script(&["0 GET k", "1 CLIENT KILL ID <id:0>", "1 CLIENT LIST"]),
    },
    Regression {
        name: "a transaction whose watched key changed shows no queue",
        case: Case::Script(&["0 WATCH k", "0 MULTI", "0 GET k", "1 SET k 1", "1 CLIENT LIST", "0 EXEC"]),
    },
    Regression {
        name: "error texts lose line ends at their end",
        case: Case::Script(&[
            r#"0 EXPIRE k 100 "\r\n""#,
            r#"0 EXPIRE k 100 "a\r\nb\n""#,
            r#"0 CLIENT "\r\n""#,
        ]),
    },
    Regression {
        name: "an unknown command is no news to whoever has not authenticated",
        case: Case::Script(&[
            "0 CONFIG SET requirepass brasa-test",
            "1 !reconnect",
            "1 NOPE",
            "1 GET",
            "1 MULTI",
            "0 MSET a 1 b 2 c 3 d 4 e 5 f 6",
            "2 MSET a 1 b 2 c 3 d 4 e 5 f 6",
            "0 CONFIG SET requirepass \"\"",
        ]),
    },
    Regression {
        name: "a push waits for the end of the transaction",
        case: Case::Script(&["0 HELLO 3", "0 MULTI", "0 DEBUG PROTOCOL push", "0 PING", "0 EXEC", "0 PING"]),
    },
    Regression {
        name: "AUTH counts for the large request behind it in the same pipeline",
        case: Case::Script(&[
            "0 CONFIG SET requirepass brasa-test",
            "0 !reconnect",
            "0 GET k",
            "0 AUTH brasa-test",
            "0 CONFIG SET requirepass \"\"",
            "0 MSET a 1 b 2 c 3 d 4 e 5 f 6",
            "0 PING",
        ]),
    },
    Regression {
        name: "a killed client is gone from the next CLIENT LIST",
        case: Case::Script(&["1 CLIENT KILL NOT-ADDR <addr:1> NOT-NAME \"\"", "1 CLIENT LIST"]),
    },
    Regression {
        name: "a sparse limit of zero makes HyperLogLogs dense at once",
        case: Case::Script(&[
            "0 CONFIG SET hll-sparse-max-bytes 0",
            "0 PFADD h 10 a",
            "0 PFDEBUG ENCODING h",
            "0 PFCOUNT h",
        ]),
    },
    Regression {
        name: "a BITFIELD whose every operation fails changes nothing for watchers",
        case: Case::Script(&[
            "0 WATCH k",
            "0 BITFIELD k OVERFLOW FAIL SET u51 147 -19",
            "0 CLIENT LIST",
            "0 MULTI",
            "0 EXEC",
        ]),
    },
    Regression {
        name: "watched keys count until the transaction ends, changed or not",
        case: Case::Script(&[
            "0 SET k v",
            "0 WATCH k",
            "1 SET k w",
            "0 CLIENT INFO",
            "0 MULTI",
            "0 EXEC",
            "0 CLIENT INFO",
        ]),
    },
    Regression {
        name: "the whole pool of one family",
        case: Case::Seed { seed: 1, count: 500, families: "string,generic" },
    },
];
