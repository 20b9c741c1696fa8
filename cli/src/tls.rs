//! Which cryptography `https://` uses: rustls with ring, chosen once for the process.

/// To be called before the first HTTP client is made. A second call does nothing.
pub(crate) fn install() {
    // The error says that another call was first, and it chose the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
