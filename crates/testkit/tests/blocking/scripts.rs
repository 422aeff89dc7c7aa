//! The scripts; see `stage.rs` for the language.

pub const FAIRNESS: &str = "
    b? BLPOP l 0
    c? BRPOP l 0
    d? BLPOP l m 0
    e? BLMPOP 0 1 l LEFT COUNT 2
    a RPUSH l 1
    a LLEN l
    b<
    c!
    a RPUSH l 2 3 4 5
    a LRANGE l 0 -1
    c<
    d<
    e<
    b? BLPOP l 0
    c? BLPOP l 0
    a LPUSH m x
    b!
    a RPUSH l 6 7 8
    b<
    c<
    a LRANGE l 0 -1
    a DEL l
    a RPUSH l again
    a LLEN l
";

pub const KEYS: &str = "
    b? BLPOP x 0
    c? BLPOP y 0
    d? BLPOP x 0
    e? BRPOPLPUSH y z 0
    a MULTI
    a RPUSH y 1 2
    a RPUSH x 3
    a RPUSH x 4 5
    a EXEC
    b<
    c<
    d<
    e<
    a LRANGE x 0 -1
    a LRANGE y 0 -1
    a LRANGE z 0 -1
    a DEL z x
    b? BLMOVE x log RIGHT RIGHT 0
    c? BLMOVE y log RIGHT RIGHT 0
    d? BLMOVE z log RIGHT RIGHT 0
    a MULTI
    a RPUSH z from-z
    a RPUSH y from-y
    a RPUSH z more
    a RPUSH x from-x
    a EXEC
    a LRANGE log 0 -1
    b<
    c<
    d<
";

pub const ARGUMENT_ORDER: &str = "
    b? BLPOP one two three 0
    a MULTI
    a RPUSH three c
    a RPUSH two b
    a RPUSH one a
    a EXEC
    b<
    a LLEN one
    a LLEN two
    a LLEN three
    a DEL two three
    b? BLPOP one two two one 0
    c? BLPOP two 0
    a RPUSH two x
    b<
    c!
    a RPUSH two y
    c<
    b? BLPOP one two 0
    c? BLPOP two one 0
    a MULTI
    a RPUSH two 2
    a RPUSH one 1
    a EXEC
    b<
    c<
    a LLEN one
    a LLEN two
";

pub const TRANSACTIONS: &str = "
    b? BLPOP l 0
    a MULTI
    a LPUSH l a
    a LPUSH l b
    a LPUSH l c
    a LLEN l
    a EXEC
    b<
    a LRANGE l 0 -1
    a DEL l
    b? BLPOP l 0
    a MULTI
    a LPUSH l a
    a DEL l
    a EXEC
    b!
    a MULTI
    a LPUSH l a
    a LPOP l
    a SET l string
    a EXEC
    b!
    a MULTI
    a DEL l
    a LPUSH l new
    a EXEC
    b<
    b? BRPOPLPUSH source target 0
    a MULTI
    a LPUSH source x
    a LLEN target
    a RPUSH target y
    a EXEC
    a LRANGE target 0 -1
    b<
    c? BLPOP l 0
    a MULTI
    a RPUSH l 1
    a RENAME l other
    a EXEC
    c!
    a RENAME other l
    c<
";

pub const CHAINS: &str = "
    b? BLMOVE one two LEFT RIGHT 0
    c? BLMOVE two three RIGHT LEFT 0
    d? BRPOPLPUSH three four 0
    e? BLPOP four 0
    f? BLPOP four 0
    a RPUSH one x
    b<
    c<
    d<
    e<
    f!
    a EXISTS one two three four
    a RPUSH four y
    f<
    b? BLMOVE one two LEFT LEFT 0
    c? BLPOP two 0
    d? BLPOP one 0
    a RPUSH one 1 2 3
    b<
    c<
    d<
    a LRANGE one 0 -1
    b? BLMOVE same same LEFT RIGHT 0
    c? BLPOP same 0
    a RPUSH same 1 2
    b<
    c<
    a LRANGE same 0 -1
";

pub const CIRCLE: &str = "
    b? BRPOPLPUSH one two 0
    c? BRPOPLPUSH two one 0
    a RPUSH one x
    b<
    c<
    a LRANGE one 0 -1
    a LRANGE two 0 -1
    a DEL one
    b? BLMOVE one one LEFT RIGHT 0
    c? BLMOVE one one LEFT RIGHT 0
    a RPUSH one x y
    b<
    c<
    a LRANGE one 0 -1
";

pub const ERRORS: &str = "
    a SET string s
    b? BLMOVE l string LEFT LEFT 0
    c? BLPOP l 0
    a RPUSH l x
    b<
    c<
    a EXISTS l
    b? BLPOP gone l 0
    a SET gone s
    b!
    a RPUSH l y
    b<
    a LRANGE l 0 -1
    b BLPOP string 0
    b BLPOP none string 0
    b BLMOVE none string LEFT LEFT x
    b BLPOP none x
    b BLPOP none -1
    b BLPOP none inf
    b BLMPOP 0 0 none LEFT
    b PING
    a/errorstat_WRONGTYPE INFO errorstats
";

pub const OTHER_WAYS: &str = "
    b? BLPOP l 0
    a RPUSH other 1 2 3
    a RENAME other l
    b<
    a LRANGE l 0 -1
    a DEL l
    b? BLPOP l 0
    a RPUSH source 1 2 3
    a COPY source l
    b<
    a LRANGE l 0 -1
    a DEL l
    b? BLPOP l 0
    a LMOVE source l LEFT LEFT
    b<
    b? BLPOP l 0
    a RPOPLPUSH source l
    b<
    b? BLPOP l 0
    a RPUSH other 1
    a RENAMENX other l
    b<
    b? BLPOP l 0
    c SELECT 1
    c RPUSH l 7
    c MOVE l 0
    b<
    b? BLPOP l 0
    c RPUSH l 8
    c COPY l l DB 0
    b<
    c? BLPOP n 0
    a RPUSH n x
    c!
    c> PING
    a SELECT 1
    a RPUSH n y
    c<
    c<
    a SELECT 0
    a LRANGE n 0 -1
";

pub const DATABASES: &str = "
    b? BLPOP l 0
    c SELECT 5
    c? BLPOP l 0
    d SELECT 9
    d RPUSH l nine more
    d SWAPDB 5 9
    c<
    b!
    d SWAPDB 9 0
    b!
    d SWAPDB 0 5
    b<
    a LRANGE l 0 -1
    a FLUSHALL
    b? BLPOP l 0
    a FLUSHALL
    a FLUSHDB
    b!
    a RPUSH l x
    b<
    e SELECT 3
    e? BLPOP l 0
    a MULTI
    a SELECT 3
    a RPUSH l three
    a SWAPDB 3 4
    a EXEC
    e!
    a SWAPDB 3 4
    e<
";

pub const TYPES: &str = "
    b? BLPOP k 0
    a SET k string
    a APPEND k more
    b!
    a DEL k
    a HSET k f v
    b!
    a DEL k
    a SETBIT k 7 1
    b!
    a RPUSH k refused
    a RPUSH l 1 2
    a COPY l k REPLACE
    b<
    a LRANGE k 0 -1
    a DEL k
    b? BLPOP k 0
    a SET k string
    a RENAME l k
    b<
";

pub const SORTED_SETS: &str = "
    b? BZPOPMIN z 0
    c? BZPOPMAX z 0
    d? BZMPOP 0 2 y z MIN COUNT 2
    e? BZPOPMIN y z 0
    a ZADD z 1 a
    b<
    a ZADD z 1 a 2 b 3 c 4 d
    c<
    d<
    e<
    a EXISTS z
    b? BZPOPMIN z 0
    a ZINCRBY z 5 m
    b<
    b? BZPOPMAX z 0
    a GEOADD z 13 38 place
    b<
    a ZADD source 1 a 2 b
    b? BZPOPMIN z 0
    a ZUNIONSTORE z 1 source
    b<
    a DEL z
    b? BZPOPMIN z 0
    a ZRANGESTORE z source 0 -1
    b<
    a DEL z
    b? BZMPOP 0 1 z MAX
    a SET z string
    a ZUNIONSTORE z 1 source
    b!
    a RENAME source z
    b<
    a DEL z
    b? BLPOP k 0
    c? BZPOPMIN k 0
    d? BLPOP k 0
    a ZADD k 1 a 2 b
    c<
    a ZRANGE k 0 -1
    b!
    a DEL k
    c? BZPOPMIN k 0
    a MULTI
    a ZADD k 1 a
    a DEL k
    a RPUSH k x y
    a EXEC
    b<
    d<
    c!
    a MULTI
    a RPUSH k x
    a DEL k
    a ZADD k 1 a
    a EXEC
    c<
    b BZPOPMIN none 0.01
    b/proto HELLO 3
    b BZPOPMIN none 0.01
    b BZMPOP 0.01 1 none MIN
    b? BZPOPMIN z 0
    a ZADD z 1.5 a
    b<
    b? BZMPOP 0 1 z MAX COUNT 2
    a ZADD z 1.5 a inf b
    b<
    a MULTI
    a BZPOPMIN none 0
    a BZPOPMAX none 0
    a BZMPOP 0 1 none MAX
    a EXEC
";

pub const UNBLOCK: &str = "
    b? BLPOP l 0
    a CLIENT UNBLOCK {b}
    b<
    a CLIENT UNBLOCK {b}
    b? BLMOVE l m LEFT LEFT 0
    a CLIENT UNBLOCK {b} TIMEOUT
    b<
    b? BLPOP l 0
    a CLIENT UNBLOCK {b} ERROR
    a CLIENT UNBLOCK {b} ERROR
    b<
    b? BLPOP l 0
    c? BLPOP l 0
    a CLIENT UNBLOCK {b}
    a RPUSH l x
    b<
    c<
    a EXISTS l
    b PING
    a CLIENT UNBLOCK {b} nonsense
    a CLIENT UNBLOCK x nonsense
    a CLIENT UNBLOCK x
    a CLIENT UNBLOCK 123456789
    a CLIENT UNBLOCK -5
    a CLIENT UNBLOCK {a}
    b? BLPOP l 0
    a MULTI
    a CLIENT UNBLOCK {b} ERROR
    a RPUSH l y
    a EXEC
    b<
    a LRANGE l 0 -1
";

pub const GONE: &str = "
    b? BLPOP l m 0
    c? BLPOP m l 0
    b~
    a RPUSH l 1
    c<
    c? BLPOP l m 0
    c~
    a RPUSH l 2
    a LRANGE l 0 -1
    a DEL l
    b? BLPOP l 0
    c? BLPOP l 0
    a CLIENT KILL ID {b}
    a RPUSH l 3
    b<
    c<
    a EXISTS l
    d? BLMOVE l n LEFT LEFT 0
    a MULTI
    a CLIENT KILL ID {d}
    a RPUSH l 4
    a EXEC
    a LRANGE l 0 -1
    a LRANGE n 0 -1
    d<
    a/blocked_clients,total_blocking_keys INFO clients
";

pub const PIPELINE: &str = "
    b? BLPOP l 0
    b> SET k 1
    b> INCR k
    b> BLPOP m 0
    b> PING
    a GET k
    a RPUSH l x
    b<
    b<
    b<
    b!
    a GET k
    a RPUSH m y
    b<
    b<
    b> MULTI
    b> SET k 5
    b> EXEC
    b> BLPOP l 0
    b> GET k
    b<
    b<
    b<
    sleep 20
    a SET k 6
    a RPUSH l z
    b<
    b<
    a RPUSH l 1 2
    b> BLPOP l 0
    b> BLPOP l 0
    b> LLEN l
    b<
    b<
    b<
";

pub const REPLY_MODES: &str = "
    b> CLIENT REPLY SKIP
    b? BLPOP l 0
    a RPUSH l x
    a EXISTS l
    b PING
    b> CLIENT REPLY OFF
    b? BLPOP l 0
    a RPUSH l y
    a EXISTS l
    b!
    b CLIENT REPLY ON
    b? BLPOP l 0
    a RPUSH l z
    b<
    b> CLIENT REPLY SKIP
    b? BLPOP l 0.05
    b!
    sleep 100
    b PING
    b> CLIENT REPLY SKIP
    b? BLPOP l 0
    a CLIENT UNBLOCK {b} ERROR
    b PING
";

pub const DENIED: &str = "
    a MULTI
    a BLPOP none 0
    a BRPOP none 0
    a BLMPOP 0 1 none LEFT
    a BLMOVE none l LEFT LEFT 0
    a BRPOPLPUSH none l 0
    a EXEC
    a RPUSH l 1 2 3 4 5 6
    a MULTI
    a BLPOP l 0
    a BRPOP none l 0
    a BLMPOP 0 1 l LEFT
    a BLMOVE l m LEFT LEFT 0
    a BRPOPLPUSH l m 0
    a BLPOP l x
    a EXEC
    a LRANGE m 0 -1
    a LRANGE l 0 -1
    a/proto HELLO 3
    a MULTI
    a BLPOP none 0
    a BLMOVE none l LEFT LEFT 0
    a EXEC
";

pub const WATCH: &str = "
    b? BLMOVE l m LEFT LEFT 0
    c WATCH m
    c MULTI
    c PING
    a RPUSH l x
    c EXEC
    b<
    b? BLPOP l 0
    c WATCH l
    c MULTI
    c PING
    a MULTI
    a RPUSH l x
    a DEL l
    a EXEC
    c EXEC
    c WATCH l
    c MULTI
    c PING
    a RPUSH l y
    c EXEC
    b<
";

pub const FIGURES: &str = "
    a/blocked_clients,clients_in_timeout_table,total_blocking_keys,total_blocking_keys_on_nokey INFO clients
    b? BLPOP l m n 0
    c? BLPOP m 1000
    d? BLMOVE x y LEFT LEFT 1000
    a/blocked_clients,clients_in_timeout_table,total_blocking_keys,total_blocking_keys_on_nokey INFO clients
    a/flags,cmd,argv-mem,multi,db CLIENT LIST ID {b}
    a/flags,cmd,argv-mem CLIENT LIST ID {d}
    a/cmdstat_blpop INFO commandstats
    a/flags CLIENT LIST FLAGS b
    a RPUSH m 1 2
    a/blocked_clients,clients_in_timeout_table,total_blocking_keys INFO clients
    b<
    c<
    a CLIENT UNBLOCK {d}
    d<
    a/blocked_clients,clients_in_timeout_table,total_blocking_keys INFO clients
    a/flags,cmd CLIENT LIST ID {b}
    b> BLPOP none 0.01
    b<
    b? BLPOP none 0
    a CLIENT UNBLOCK {b} ERROR
    b<
    b BLPOP l x
    a/total_error_replies INFO stats
";

pub const PROTOCOLS: &str = "
    b/proto HELLO 3
    b BLPOP none 0.01
    b BRPOP none 0.01
    b BLMPOP 0.01 1 none LEFT
    b BLMOVE none l LEFT LEFT 0.01
    b BRPOPLPUSH none l 0.01
    b? BLPOP none l 0
    a RPUSH l x
    b<
    b? BLMPOP 0 1 l LEFT COUNT 5
    a RPUSH l x y
    b<
    c BLPOP none 0.01
    c BRPOP none 0.01
    c BLMPOP 0.01 1 none LEFT
    c BLMOVE none l LEFT LEFT 0.01
    c BRPOPLPUSH none l 0.01
    c? BLMPOP 0 1 l RIGHT COUNT 2
    a RPUSH l x y z
    c<
";

pub const EXPIRY: &str = "
    b? BLPOP l 0
    a MULTI
    a RPUSH l x
    a PEXPIRE l -1
    a EXEC
    b!
    a EXISTS l
    a MULTI
    a RPUSH l y
    a PEXPIRE l 100000
    a EXEC
    b<
    a SET l string PX 20
    b BLPOP l 0
    sleep 60
    b? BLPOP l 0
    a RPUSH l z
    b<
    a RPUSH l 1 2
    a PEXPIRE l 20
    sleep 60
    b? BLPOP l 0
    a RPUSH l 3
    b<
";

pub const MEMORY: &str = "
    b? BLMOVE l m LEFT LEFT 0
    c? BLPOP l 0
    a MULTI
    a RPUSH l x
    a CONFIG SET maxmemory 1
    a EXEC
    b<
    c<
    a CONFIG SET maxmemory 0
    a EXISTS l m
    b PING
";

pub const PAUSE_WRITES: &str = "
    a SET k 1
    a CLIENT PAUSE 300 WRITE
    a/paused_reason,paused_actions INFO clients
    b? SET k 2
    b> GET k
    c GET k
    c? INCR counter
    a GET k
    a/blocked_clients INFO clients
    a/flags,cmd CLIENT LIST ID {b}
    a CLIENT UNBLOCK {b}
    d? BLPOP l 0.01
    e? PFCOUNT hll
    a CLIENT UNPAUSE
    b<
    b<
    c<
    d<
    e<
    a/paused_reason,paused_actions,blocked_clients INFO clients
    a GET k
    a CLIENT PAUSE 100 WRITE
    b? SET k 9
    a GET k
    b<
    a GET k
    a CLIENT PAUSE
    a CLIENT PAUSE x
    a CLIENT PAUSE -1
    a CLIENT PAUSE 1.5
    a CLIENT PAUSE 10 NONE
    a CLIENT PAUSE x NONE
    a CLIENT PAUSE 9223372036854775807
    a CLIENT UNPAUSE now
    a CLIENT PAUSE 0
    b SET k 10
    a CLIENT PAUSE 100000 WRITE
    a CLIENT PAUSE 1 WRITE
    sleep 20
    b? SET k 11
    c? SET k 12
    b~
    a CLIENT KILL ID {c}
    c<
    a CLIENT UNPAUSE
    a GET k
";

pub const PAUSE_ALL: &str = "
    b PING
    c PING
    a CLIENT PAUSE 200 ALL
    b> GET k
    b> SET k 1
    b> GET k
    c> PING
    a> CLIENT UNPAUSE
    b!
    c!
    a!
    b<
    b<
    b<
    c<
    a<
    a CLIENT PAUSE 100
    b> NOSUCH command
    b<
    b> GET
    b<
    b> PING
    b!
    b<
    a CLIENT PAUSE 100 ALL
    a> CLIENT PAUSE 1 WRITE
    b> GET k
    b!
    b<
    a<
";

pub const PAUSE_TRANSACTIONS: &str = "
    b MULTI
    b GET k
    c MULTI
    c SET k 1
    d MULTI
    d GET k
    a CLIENT PAUSE 100000 WRITE
    b EXEC
    c? EXEC
    d? SET k 2
    a GET k
    a CLIENT UNPAUSE
    c<
    d<
    d EXEC
    a MULTI
    a CLIENT PAUSE 100000 WRITE
    a SET k 3
    a GET k
    a EXEC
    a? SET k 4
    b GET k
    b CLIENT UNPAUSE
    a<
";

pub const PAUSE_EXPIRY: &str = "
    a SET k v PX 30
    a SET stays v
    a CLIENT PAUSE 100000 WRITE
    sleep 150
    a DBSIZE
    a GET k
    a EXISTS k
    a TTL k
    a TYPE k
    a KEYS *
    a SCAN 0
    a STRLEN k
    a DBSIZE
    b? SET k w
    a CLIENT UNPAUSE
    b<
    a GET k
    a DBSIZE
";

pub const PAUSE_BLOCKED: &str = "
    b? BLPOP l 0
    a MULTI
    a CLIENT PAUSE 100000 WRITE
    a RPUSH l 1 2
    a EXEC
    b!
    a LRANGE l 0 -1
    a/blocked_clients INFO clients
    a CLIENT UNPAUSE
    b<
    a LRANGE l 0 -1
    c? BLPOP none 0.1
    a CLIENT PAUSE 300 ALL
    c<
    a PING
    sleep 50
    b? BLPOP none 0
    a CLIENT PAUSE 300 WRITE
    a CLIENT UNBLOCK {b}
    b<
    a CLIENT UNPAUSE
";
