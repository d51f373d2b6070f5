//! A client of the mailbox dialect, written from its contract: `mailbox-client <url> <owner's seed in hex> [relay's Noise key]`. The
//! certificate to trust is the file CA_FILE. An owner and a sender do what such clients do, and a line is printed for each thing
//! that was seen. What does not go as the contract has it ends the program with 1, and the reason.

mod line;

use std::{env, error::Error, fs, time::SystemTime};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{Signer, SigningKey};
use serde_json::{Value, json};

use line::{Heard, Line, Relay};

pub type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Seconds since the epoch.
pub fn now() -> Result<u64> {
    Ok(SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)?
        .as_secs())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let words: Vec<String> = env::args().skip(1).collect();
    let [url, seed, rest @ ..] = words.as_slice() else {
        return Err("usage: mailbox-client <url> <seed> [noise key]".into());
    };
    let noise_key = rest
        .first()
        .map(|key| URL_SAFE_NO_PAD.decode(key))
        .transpose()?;
    let certificate = fs::read(env::var("CA_FILE")?)?;
    let relay = Relay::new(url.clone(), &certificate, noise_key)?;
    let owner = Identity::of(&hex::decode(seed)?)?;
    let sender = Identity::new()?;
    deposit(&relay, &sender, &owner).await?;
    fetch_and_acknowledge(&relay, &owner).await?;
    fetch_what_is_left(&relay, &owner).await?;
    be_refused(&relay, &owner).await
}

/// Stores three messages for somebody who is away.
async fn deposit(relay: &Relay, sender: &Identity, owner: &Identity) -> Result<()> {
    let mut line = sender.meet(relay).await?;
    for content in [[1, 1], [2, 2], [255, 0]] {
        let update = json!({
            "type": "EncryptedUpdate", "recipient_id": owner.id, "sender_id": sender.id, "ciphertext": content,
        });
        let id = line.send(update).await?;
        let (_, answer) = line.hear_type("Acknowledgment").await?;
        if answer["message_id"] != id.as_str() {
            return Err(format!("an acknowledgement of another message: {answer}").into());
        }
        println!("deposit {}", text(&answer["status"])?);
    }
    line.close().await
}

/// Takes all that waits, oldest first, and acknowledges all but the last.
async fn fetch_and_acknowledge(relay: &Relay, owner: &Identity) -> Result<()> {
    let mut line = owner.meet(relay).await?;
    let mut ids = Vec::new();
    for _ in 0..4 {
        let (id, update) = line.hear_type("EncryptedUpdate").await?;
        println!("delivered {}", content(&update)?);
        ids.push(id);
    }
    for id in &ids[..3] {
        line.send(
            json!({ "type": "Acknowledgment", "message_id": id, "status": "ReceivedByRecipient" }),
        )
        .await?;
    }
    settle(&mut line).await?;
    line.close().await
}

async fn fetch_what_is_left(relay: &Relay, owner: &Identity) -> Result<()> {
    let mut line = owner.meet(relay).await?;
    let (_, update) = line.hear_type("EncryptedUpdate").await?;
    println!("still there {}", content(&update)?);
    settle(&mut line).await?;
    let request = line.send(json!({ "type": "PurgeRequest" })).await?;
    let (answered, purged) = line.hear_type("PurgeResponse").await?;
    if answered != request {
        return Err("the answer to another request".into());
    }
    println!("purged {}", purged["blobs_deleted"]);
    line.close().await
}

/// Who has signed once is not read by somebody who does not.
async fn be_refused(relay: &Relay, owner: &Identity) -> Result<()> {
    let mut line = Line::open(relay).await?;
    line.send(json!({ "type": "Handshake", "client_id": owner.id }))
        .await?;
    match line.hear().await? {
        Heard::Closed { code, reason } => println!("without a signature {code} {reason}"),
        Heard::Message { payload, .. } => {
            return Err(format!("let in without a signature: {payload}").into());
        }
    }
    Ok(())
}

/// Waits until what was said before has been done: an answer comes behind it. What is pushed meanwhile is too much.
async fn settle(line: &mut Line) -> Result<()> {
    line.send(json!({ "type": "RecoveryProofQuery", "key_hashes": [] }))
        .await?;
    line.hear_type("RecoveryProofResponse").await?;
    Ok(())
}

struct Identity {
    key: SigningKey,
    id: String,
}

impl Identity {
    fn of(seed: &[u8]) -> Result<Self> {
        let key = SigningKey::from_bytes(seed.try_into()?);
        let id = hex::encode(key.verifying_key().as_bytes());
        Ok(Self { key, id })
    }

    fn new() -> Result<Self> {
        Self::of(&random()?)
    }

    /// Opens a connection and proves whose it is: a signature of a nonce and the time.
    async fn meet(&self, relay: &Relay) -> Result<Line> {
        let mut line = Line::open(relay).await?;
        let nonce = random()?;
        let seconds = now()?;
        let signature = self
            .key
            .sign(&[&nonce[..], &seconds.to_be_bytes()].concat());
        line.send(json!({
            "type": "Handshake", "client_id": self.id, "identity_public_key": self.id, "nonce": hex::encode(nonce),
            "signature": hex::encode(signature.to_bytes()), "timestamp": seconds,
        }))
        .await?;
        let (_, answer) = line.hear_type("HandshakeAck").await?;
        let features = answer["features"].as_array().ok_or("no features")?;
        let is_noise = features.iter().any(|feature| feature == "noise_nk");
        println!(
            "met, {}",
            if is_noise { "by Noise" } else { "in the clear" }
        );
        Ok(line)
    }
}

fn random() -> Result<[u8; 32]> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

fn text(value: &Value) -> Result<&str> {
    value
        .as_str()
        .ok_or_else(|| format!("no text: {value}").into())
}

fn content(update: &Value) -> Result<String> {
    let bytes: Vec<u8> = serde_json::from_value(update["ciphertext"].clone())?;
    Ok(hex::encode(bytes))
}
