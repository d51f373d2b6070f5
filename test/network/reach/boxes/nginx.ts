import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { LineProcess } from "../../../support/line-process.ts";
import { INTERCEPT_PORT, RELAY_ADDRESS, RELAY_NAME } from "../addresses.ts";
import type { Office } from "../office.ts";

/** Starts nginx in the box, on INTERCEPT_PORT: it intercepts TLS, speaks 1.2 alone, and takes the Upgrade header away, as nginx does unless it is told. */
export function startNginx(office: Office): Promise<LineProcess> {
  const file = join(office.folder, "nginx.conf");
  writeFileSync(file, configuration(office));
  return office.serve(INTERCEPT_PORT, ["nginx", "-c", file, "-p", office.folder, "-e", "stderr"]);
}

function configuration({ folder, lab }: Office): string {
  const { key, certificate } = lab.corporateRoot.issue(RELAY_NAME);
  const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (kind) => `  ${kind}_temp_path ${join(folder, kind)};`,
  );
  return `daemon off;
master_process off;
error_log stderr error;
pid ${join(folder, "nginx.pid")};
events {}
http {
  access_log off;
${paths.join("\n")}
  server {
    listen ${INTERCEPT_PORT} ssl;
    ssl_certificate ${certificate};
    ssl_certificate_key ${key};
    ssl_protocols TLSv1.2;
    location / {
      proxy_pass https://${RELAY_ADDRESS}:443;
      proxy_set_header Host ${RELAY_NAME};
      proxy_ssl_server_name on;
      proxy_ssl_name ${RELAY_NAME};
      proxy_ssl_verify on;
      proxy_ssl_trusted_certificate ${lab.publicRoot.files.certificate};
      proxy_http_version 1.1;
    }
  }
}
`;
}
