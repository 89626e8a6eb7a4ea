//! The way to the receiver: http, or https to one whose certificate is believed. No proxy, and no redirect is followed.

use std::error::Error;
use std::sync::Arc;

use axum::body::Bytes;
use axum::http::{Request, StatusCode};
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

/// A client that asks one receiver.
#[derive(Clone)]
pub(super) struct Way(Client<HttpsConnector<HttpConnector>, Full<Bytes>>);

impl Way {
    /// Believes the authorities of a PEM file alone; without one, those that browsers believe.
    ///
    /// # Errors
    /// A sentence on what is wrong with the file.
    pub(super) fn new(authorities: Option<&[u8]>) -> Result<Self, String> {
        let builder = HttpsConnectorBuilder::new();
        let builder = match authorities {
            Some(pem) => builder.with_tls_config(believing(pem)?),
            None => {
                builder.with_provider_and_webpki_roots(ring::default_provider()).map_err(|fault| fault.to_string())?
            }
        };
        let connector = builder.https_or_http().enable_http1().build();
        Ok(Self(Client::builder(TokioExecutor::new()).build(connector)))
    }

    /// Sends one request, and says how it was answered.
    pub(super) async fn send(&self, request: Request<Full<Bytes>>) -> Result<StatusCode, String> {
        Ok(self.0.request(request).await.map_err(|fault| whole(&fault))?.status())
    }
}

fn believing(pem: &[u8]) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|fault| fault.to_string())?;
        roots.add(certificate).map_err(|fault| fault.to_string())?;
    }
    if roots.is_empty() {
        return Err("it holds no certificate in PEM".to_owned());
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().map_err(|fault| fault.to_string())?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// An error with what caused it: the outermost alone says only that there was one.
fn whole(fault: &dyn Error) -> String {
    let mut said = fault.to_string();
    let mut cause = fault.source();
    while let Some(fault) = cause {
        said = format!("{said}: {fault}");
        cause = fault.source();
    }
    said
}
