//! A line that can be cut: readers and writers that end, all at once, when a token is cancelled.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// Reads until the line is cut; then it is at its end.
#[derive(Debug)]
pub struct CutReader<R> {
    inner: R,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl<R> CutReader<R> {
    /// Reads from `inner` until `cut` is cancelled.
    pub fn new(inner: R, cut: CancellationToken) -> Self {
        Self { inner, cut: Box::pin(cut.cancelled_owned()) }
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for CutReader<R> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.cut.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

/// Writes until the line is cut; then it fails like a broken pipe, and what was not yet on its way never arrives.
#[derive(Debug)]
pub struct CutWriter<W> {
    inner: W,
    cut: CancellationToken,
}

impl<W> CutWriter<W> {
    /// Writes to `inner` until `cut` is cancelled.
    pub const fn new(inner: W, cut: CancellationToken) -> Self {
        Self { inner, cut }
    }

    fn check(&self) -> io::Result<()> {
        if self.cut.is_cancelled() { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(()) }
    }
}

impl<W: AsyncWrite + Unpin> AsyncWrite for CutWriter<W> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn a_cut_ends_a_waiting_reader_and_fails_the_writer() {
        let (ours, mut theirs) = tokio::io::duplex(64);
        let (read, write) = tokio::io::split(ours);
        let cut = CancellationToken::new();
        let (mut reader, mut writer) = (CutReader::new(read, cut.clone()), CutWriter::new(write, cut.clone()));

        writer.write_all(b"before").await.unwrap();
        let mut heard = [0; 6];
        theirs.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"before");

        let mut rest = Vec::new();
        let (read, ()) = tokio::join!(reader.read_to_end(&mut rest), async { cut.cancel() });
        assert_eq!(read.unwrap(), 0);
        assert_eq!(writer.write_all(b"after").await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}
