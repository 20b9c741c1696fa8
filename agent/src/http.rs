//! The agent's HTTP client: TLS by rustls with ring, whatever else the process may use.

/// A client without proxies or redirects; callers add their deadlines.
pub(crate) fn client() -> reqwest::ClientBuilder {
    // An error says that a provider was chosen before, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none())
}
