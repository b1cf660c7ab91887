//! The framing: a request is what comes before the first newline.

use super::MAX_REQUEST;

/// A request on its way in, piece by piece.
#[derive(Clone, Debug, Default)]
pub struct Line(Vec<u8>);

impl Line {
    /// Takes the next bytes that arrived, and returns the request without its newline once that has come. Bytes behind
    /// the newline are nobody's: a connection carries one request.
    ///
    /// # Errors
    /// One sentence for the client where the request, its newline included, passes [`MAX_REQUEST`] bytes.
    ///
    /// # Cost
    /// Keeps at most [`MAX_REQUEST`] bytes, however many come.
    pub fn take(&mut self, bytes: &[u8]) -> Result<Option<Vec<u8>>, String> {
        let end = bytes.iter().position(|&byte| byte == b'\n');
        let part = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default();
        if self.0.len() + part.len() >= MAX_REQUEST {
            return Err(format!("the request is longer than {MAX_REQUEST} bytes"));
        }
        self.0.extend_from_slice(part);
        Ok(end.map(|_| std::mem::take(&mut self.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_ends_at_its_newline_however_it_comes() {
        let mut line = Line::default();
        assert_eq!(line.take(b"{\"ver"), Ok(None));
        assert_eq!(line.take(b"sion\":1}"), Ok(None));
        assert_eq!(line.take(b"\nmore"), Ok(Some(b"{\"version\":1}".to_vec())));
        assert_eq!(Line::default().take(b"\n"), Ok(Some(Vec::new())));
    }

    #[test]
    fn the_newline_counts_towards_the_limit() {
        let mut longest = vec![b' '; MAX_REQUEST];
        longest[MAX_REQUEST - 1] = b'\n';
        assert_eq!(Line::default().take(&longest).unwrap().unwrap().len(), MAX_REQUEST - 1);
        longest[MAX_REQUEST - 1] = b' ';
        assert!(Line::default().take(&longest).is_err());
        let mut line = Line::default();
        assert_eq!(line.take(&longest[1..]), Ok(None));
        assert!(line.take(b" ").is_err());
    }
}
