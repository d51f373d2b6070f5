//! The way to the relay: a WebSocket over TLS, frames with their length, and Noise NK around them where that is wanted.

use std::{sync::Arc, time::Duration};

use futures_util::{SinkExt, StreamExt};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use serde_json::{Value, json};
use snow::TransportState;
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config, tungstenite::Message,
};

use crate::Result;

/// What both frames of the Noise handshake begin with.
const MAGIC: [u8; 3] = [0x00, 0x56, 0x32];
const PATTERN: &str = "Noise_NK_25519_ChaChaPoly_BLAKE2s";
const PATIENCE: Duration = Duration::from_secs(10);

/// Where the relay is, whom to trust, and the key by which it is known, where Noise is spoken.
#[derive(Clone)]
pub struct Relay {
    pub url: String,
    pub tls: Arc<ClientConfig>,
    pub noise_key: Option<Vec<u8>>,
}

impl Relay {
    pub fn new(url: String, certificate: &[u8], noise_key: Option<Vec<u8>>) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(certificate) {
            roots.add(certificate?)?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self {
            url,
            tls: Arc::new(tls),
            noise_key,
        })
    }
}

/// What came: a message, with its id; or the end.
pub enum Heard {
    Message { id: String, payload: Value },
    Closed { code: u16, reason: String },
}

pub struct Line {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    noise: Option<TransportState>,
    sent: u64,
}

impl Line {
    pub async fn open(relay: &Relay) -> Result<Self> {
        let connector = Connector::Rustls(relay.tls.clone());
        let (socket, _) =
            connect_async_tls_with_config(relay.url.as_str(), None, true, Some(connector)).await?;
        let mut line = Self {
            socket,
            noise: None,
            sent: 0,
        };
        if let Some(key) = &relay.noise_key {
            line.noise = Some(line.shake_hands(key).await?);
        }
        Ok(line)
    }

    async fn shake_hands(&mut self, relay_key: &[u8]) -> Result<TransportState> {
        let mut state = snow::Builder::new(PATTERN.parse()?)
            .remote_public_key(relay_key)?
            .build_initiator()?;
        let mut buffer = [0; 256];
        let length = state.write_message(&[], &mut buffer)?;
        self.socket
            .send(Message::binary([&MAGIC, &buffer[..length]].concat()))
            .await?;
        let Some(Message::Binary(reply)) =
            timeout(PATIENCE, self.socket.next()).await?.transpose()?
        else {
            return Err("no answer to the handshake of Noise".into());
        };
        let reply = reply
            .strip_prefix(&MAGIC)
            .ok_or("an answer without the magic")?;
        state.read_message(reply, &mut buffer)?;
        Ok(state.into_transport_mode()?)
    }

    /// Sends a message. Gives its id.
    pub async fn send(&mut self, payload: Value) -> Result<String> {
        self.sent += 1;
        let id = format!("rust-{}-{}", std::process::id(), self.sent);
        let envelope = json!({ "version": 1, "message_id": id, "timestamp": crate::now()?, "payload": payload });
        let text = serde_json::to_vec(&envelope)?;
        let mut frame = u32::try_from(text.len())?.to_be_bytes().to_vec();
        frame.extend(text);
        if let Some(noise) = &mut self.noise {
            let mut sealed = vec![0; frame.len() + 16];
            let length = noise.write_message(&frame, &mut sealed)?;
            sealed.truncate(length);
            frame = sealed;
        }
        self.socket.send(Message::binary(frame)).await?;
        Ok(id)
    }

    pub async fn hear(&mut self) -> Result<Heard> {
        loop {
            let message = timeout(PATIENCE, self.socket.next())
                .await?
                .ok_or("the end without a close")??;
            match message {
                Message::Binary(bytes) => return self.read(&bytes),
                Message::Close(frame) => {
                    let (code, reason) = frame.map_or((1005, String::new()), |frame| {
                        (frame.code.into(), frame.reason.to_string())
                    });
                    return Ok(Heard::Closed { code, reason });
                }
                _ => {}
            }
        }
    }

    /// The next message, which has to be of this type.
    pub async fn hear_type(&mut self, wanted: &str) -> Result<(String, Value)> {
        match self.hear().await? {
            Heard::Message { id, payload } if payload["type"] == wanted => Ok((id, payload)),
            Heard::Message { payload, .. } => Err(format!("not {wanted}, but {payload}").into()),
            Heard::Closed { code, reason } => {
                Err(format!("not {wanted}, but closed: {code} {reason}").into())
            }
        }
    }

    pub async fn close(mut self) -> Result<()> {
        Ok(self.socket.close(None).await?)
    }

    fn read(&mut self, bytes: &[u8]) -> Result<Heard> {
        let mut opened = vec![0; bytes.len()];
        let frame = match &mut self.noise {
            Some(noise) => {
                let length = noise.read_message(bytes, &mut opened)?;
                &opened[..length]
            }
            None => bytes,
        };
        let (prefix, text) = frame
            .split_at_checked(4)
            .ok_or("a frame without a length")?;
        if u32::from_be_bytes(prefix.try_into()?) as usize != text.len() {
            return Err("a frame whose length is not true".into());
        }
        let mut envelope: Value = serde_json::from_slice(text)?;
        if envelope["version"] != 1 || !envelope["timestamp"].is_u64() {
            return Err(format!("no envelope: {envelope}").into());
        }
        let id = envelope["message_id"]
            .as_str()
            .ok_or("no message id")?
            .to_string();
        Ok(Heard::Message {
            id,
            payload: envelope["payload"].take(),
        })
    }
}
