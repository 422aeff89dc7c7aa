//! Sessions that clients may resume: `tls-session-caching`, `tls-session-cache-size`, `tls-session-cache-timeout`.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use rustls::server::StoresServerSessions;

/// Sessions by their ids. The oldest go when there are too many; an id is never used twice, so order of age and order
/// of arrival are one.
#[derive(Debug)]
pub struct Sessions {
    held: Mutex<Held>,
    /// 0 = any number.
    most: usize,
    lifetime: Duration,
}

#[derive(Debug, Default)]
struct Held {
    by_id: HashMap<Vec<u8>, (Vec<u8>, Instant)>,
    /// Ids in order of arrival; some were taken out since.
    order: VecDeque<Vec<u8>>,
}

impl Sessions {
    /// An empty store. A lifetime of 0 seconds stands for OpenSSL's default of 300.
    pub fn new(most: usize, lifetime_seconds: u64) -> Self {
        let lifetime = Duration::from_secs(if lifetime_seconds == 0 { 300 } else { lifetime_seconds });
        Sessions { held: Mutex::default(), most, lifetime }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(|e| e.into_inner())
    }

    fn put_at(&self, id: Vec<u8>, session: Vec<u8>, now: Instant) {
        let held = &mut *self.held();
        if held.by_id.insert(id.clone(), (session, now)).is_none() {
            held.order.push_back(id);
        }
        while let Some(oldest) = held.order.front() {
            let is_stale = match held.by_id.get(oldest) {
                Some((_, since)) => now.duration_since(*since) >= self.lifetime,
                None => true,
            };
            if !is_stale && (self.most == 0 || held.by_id.len() <= self.most) {
                break;
            }
            if let Some(oldest) = held.order.pop_front() {
                held.by_id.remove(&oldest);
            }
        }
    }

    fn is_alive(&self, since: Instant, now: Instant) -> bool {
        now.duration_since(since) < self.lifetime
    }

    fn get_at(&self, id: &[u8], now: Instant) -> Option<Vec<u8>> {
        let held = self.held();
        held.by_id.get(id).filter(|(_, since)| self.is_alive(*since, now)).map(|(session, _)| session.clone())
    }

    fn take_at(&self, id: &[u8], now: Instant) -> Option<Vec<u8>> {
        let (session, since) = self.held().by_id.remove(id)?;
        self.is_alive(since, now).then_some(session)
    }
}

impl StoresServerSessions for Sessions {
    fn put(&self, key: Vec<u8>, value: Vec<u8>) -> bool {
        self.put_at(key, value, Instant::now());
        true
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.get_at(key, Instant::now())
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.take_at(key, Instant::now())
    }

    fn can_cache(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_go_and_all_age() {
        let (sessions, start) = (Sessions::new(2, 10), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        for (number, id) in [b"a", b"b", b"c"].iter().enumerate() {
            sessions.put_at(id.to_vec(), vec![number as u8], at(number as u64));
        }
        assert_eq!(sessions.get_at(b"a", at(3)), None);
        assert_eq!(sessions.take_at(b"b", at(3)), Some(vec![1]));
        assert_eq!(sessions.take_at(b"b", at(3)), None);
        assert_eq!(sessions.get_at(b"c", at(11)), Some(vec![2]));
        assert_eq!(sessions.get_at(b"c", at(12)), None);
        sessions.put_at(b"d".to_vec(), vec![3], at(13));
        let held = sessions.held();
        assert_eq!(
            (held.by_id.len(), held.order.len()),
            (1, 1),
            "what was taken or is too old takes no room"
        );
    }
}
