//! A view of headers that every interface can give.

/// The headers of a request.
pub trait RequestHeaders {
    /// The values of the header with this name, which is written in small letters. A value that the
    /// interface knows to be several is given as several.
    fn values(&self, name: &'static str) -> impl Iterator<Item = &[u8]>;

    /// The header's text, where it stands there once: a second one may be the client's. Text is visible
    /// ASCII, spaces and tabs.
    fn only_text(&self, name: &'static str) -> Option<&str> {
        let mut values = self.values(name);
        let first = values.next().filter(|_| values.next().is_none())?;
        let is_text = |byte: &u8| matches!(byte, b'\t' | b' '..=b'~');
        first.iter().all(is_text).then(|| str::from_utf8(first).ok())?
    }
}

#[cfg(test)]
impl<V: AsRef<[u8]>> RequestHeaders for Vec<(&str, V)> {
    fn values(&self, name: &'static str) -> impl Iterator<Item = &[u8]> {
        self.iter().filter(move |(own, _)| *own == name).map(|(_, value)| value.as_ref())
    }
}
