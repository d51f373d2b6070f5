import { appendFileSync, copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { programPath } from "../needs.ts";
import type { ServerCommand, ServerSetting } from "../server-command.ts";

/** WebSocket over TLS; its own port for bare NATS is on loopback too, and nobody uses it. */
export function natsCommand({ port, keyPath, certificatePath, directory }: ServerSetting): ServerCommand {
  const path = writeConfiguration(
    directory,
    `host: "127.0.0.1", port: -1
websocket { host: "127.0.0.1", port: ${port}, compression: false
  tls { cert_file: "${certificatePath}", key_file: "${keyPath}" } }`,
  );
  return [programPath("nats-server"), "-c", path];
}

/** The same, and it stores what is published for a stream: it answers when that is on the disk, as the relay does. */
export function natsJetStreamCommand(setting: ServerSetting): ServerCommand {
  const [program, option = "", path = ""] = natsCommand(setting);
  appendFileSync(path, `jetstream { store_dir: "${setting.directory}/jetstream", sync_interval: always }\n`);
  return [program, option, path];
}

/** MQTT over TLS, with queues that have no bound: at QoS 0 it drops what does not fit. */
export function mosquittoCommand({ port, keyPath, certificatePath, directory }: ServerSetting): ServerCommand {
  const path = writeConfiguration(
    directory,
    `listener ${port} 127.0.0.1
allow_anonymous true
certfile ${certificatePath}
keyfile ${keyPath}
tls_version tlsv1.3
set_tcp_nodelay true
max_queued_messages 0
max_inflight_messages 0
persistence false
log_type error
${process.getuid?.() === 0 ? "user root" : ""}`,
  );
  return [programPath("mosquitto"), "-c", path];
}

/**
 * One worker; every path `/a/b` publishes to channel a and subscribes to channel b. More messages are kept than any
 * workload has under way: with none kept nchan answers 500 when 64 KiB messages come fast.
 */
export function nchanCommand({ port, keyPath, certificatePath, directory }: ServerSetting): ServerCommand {
  mkdirSync(join(directory, "logs"), { recursive: true });
  const path = writeConfiguration(
    directory,
    `load_module /usr/lib/nginx/modules/ngx_nchan_module.so;
daemon off; worker_processes 1; pid ${directory}/nginx.pid; error_log ${directory}/logs/error.log error;
${process.getuid?.() === 0 ? "user root;" : ""}
worker_rlimit_nofile 20000;
events { worker_connections 8192; }
http { access_log off; tcp_nodelay on; client_body_temp_path ${directory}/body; proxy_temp_path ${directory}/proxy;
  fastcgi_temp_path ${directory}/fastcgi; uwsgi_temp_path ${directory}/uwsgi; scgi_temp_path ${directory}/scgi;
  nchan_shared_memory_size 256M;
  server { listen 127.0.0.1:${port} ssl; server_name localhost;
    ssl_certificate ${certificatePath}; ssl_certificate_key ${keyPath}; ssl_protocols TLSv1.3;
    client_max_body_size 16m;
    location ~ ^/(\\w+)/(\\w+)$ {
      nchan_pubsub websocket; nchan_publisher_channel_id $1; nchan_subscriber_channel_id $2;
      nchan_message_buffer_length 1024; nchan_message_timeout 10s; nchan_subscriber_first_message newest; nchan_channel_group bench; } } }`,
  );
  return [programPath("nginx"), "-p", directory, "-c", path];
}

/** Whoever connects may do everything; its pings and limits are as by default. */
export function centrifugoCommand({ port, keyPath, certificatePath, directory }: ServerSetting): ServerCommand {
  const path = join(directory, "centrifugo.json");
  const configuration = {
    http_server: {
      address: "127.0.0.1",
      port: String(port),
      tls: { enabled: true, cert_pem: certificatePath, key_pem: keyPath },
    },
    client: { insecure: true, allowed_origins: ["*"] },
    // Its default of 64 KiB has no room for W3's payload in base64.
    websocket: { message_size_limit: 1_048_576 },
    channel: { without_namespace: { allow_publish_for_subscriber: true, allow_publish_for_client: true } },
    log: { level: "error" },
  };
  writeFileSync(path, JSON.stringify(configuration));
  return [programPath("centrifugo"), "--config", path];
}

/** It takes certificates by the name of the host, and is told not to open its other ports. */
export function derperCommand({ port, keyPath, certificatePath, directory }: ServerSetting): ServerCommand {
  copyFileSync(keyPath, join(directory, "localhost.key"));
  copyFileSync(certificatePath, join(directory, "localhost.crt"));
  const listening = ["-a", `127.0.0.1:${port}`, "-http-port", "-1", "-stun=false", "-hostname", "localhost"];
  const files = ["-certmode", "manual", "-certdir", directory, "-c", join(directory, "derper.key")];
  return [programPath("derper"), ...listening, ...files];
}

/** Its plain HTTP is on a port that nobody uses; QUIC and metrics are off. */
export function irohCommand({ port, keyPath, certificatePath, directory }: ServerSetting): ServerCommand {
  const path = writeConfiguration(
    directory,
    `http_bind_addr = "127.0.0.1:0"
enable_quic_addr_discovery = false
enable_metrics = false
[tls]
https_bind_addr = "127.0.0.1:${port}"
cert_mode = "Manual"
manual_cert_path = "${certificatePath}"
manual_key_path = "${keyPath}"`,
  );
  return [programPath("iroh-relay"), "--config-path", path];
}

function writeConfiguration(directory: string, text: string): string {
  const path = join(directory, "configuration");
  writeFileSync(path, `${text}\n`);
  return path;
}
