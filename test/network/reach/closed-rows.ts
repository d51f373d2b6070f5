import { INTERCEPT_PORT, RELAY_NAME } from "./addresses.ts";
import { Authority } from "./authority.ts";
import { startHaproxy } from "./boxes/haproxy.ts";
import { startBox } from "./boxes/own.ts";
import type { Office } from "./office.ts";
import { fails, passes, type Row, UNTRUSTED } from "./row.ts";

/** As long as a whole packet: less than what the wires take, and more than a small ClientHello. */
const BLACK_HOLE_BYTES = "1300:65535";
/** A dial that hears nothing is given up after 15 s. */
const SILENT_MS = 16_500;

/**
 * The packets of a connection, as iptables counts them: SYN, ACK and the first segment of data pass; what has data and is later
 * than that does not while the other side has said no more than SYN and ACK.
 */
const LATER_SEGMENTS = [
  "-p tcp --dport 443 -m length --length 61:65535",
  "-m connbytes --connbytes 4: --connbytes-dir original --connbytes-mode packets",
  "-m connbytes --connbytes 0:400 --connbytes-dir reply --connbytes-mode bytes",
].flatMap((words) => words.split(" "));

/** Networks that drop packets by their size. */
export const packetRows: readonly Row[] = [
  {
    name: "first segment alone",
    network: "passes the first segment of a ClientHello on, and drops those behind it",
    expected: passes(8000),
    hindrance: "hello-too-large",
    build: (office) => office.forward(...LATER_SEGMENTS, "-j", "DROP"),
  },
  {
    name: "path MTU",
    network: "drops packets of more than 1,299 bytes without a word",
    expected: fails(/./, SILENT_MS + 5000),
    cause: "large-packets-lost",
    remark: "the relay's operator can cure it",
    build: (office) => office.forward("-m", "length", "--length", BLACK_HOLE_BYTES, "-j", "DROP"),
  },
  {
    name: "path MTU, cured",
    network: "the same, and the relay's route to it has an MTU of 1,280 bytes",
    expected: passes(),
    build: (office) => {
      office.forward("-m", "length", "--length", BLACK_HOLE_BYTES, "-j", "DROP");
      office.limitRelayPackets(1280);
    },
  },
];

/** Networks that let nobody through to the relay. */
export const closedRows: readonly Row[] = [
  {
    name: "443 dropped",
    network: "drops TCP to port 443",
    expected: fails(/no answer|nothing answers/, SILENT_MS),
    cause: "port-silent",
    build: (office) => office.forward("-p", "tcp", "--dport", "443", "-j", "DROP"),
  },
  {
    name: "443 refused",
    network: "answers TCP to port 443 by a reset",
    expected: fails(/ECONNREFUSED/, 3000),
    cause: "port-refused",
    build: (office) => office.forward("-p", "tcp", "--dport", "443", "-j", "REJECT", "--reject-with", "tcp-reset"),
  },
  {
    name: "443 prohibited",
    network: "answers TCP to port 443 by an ICMP message",
    expected: fails(/EHOSTUNREACH|ECONNREFUSED/, 3000),
    cause: "no-route",
    build: (office) =>
      office.forward("-p", "tcp", "--dport", "443", "-j", "REJECT", "--reject-with", "icmp-host-prohibited"),
  },
  {
    name: "name blocked",
    network: "HAProxy reads the name in the ClientHello, and cuts the connection",
    needs: ["haproxy"],
    // HAProxy takes five seconds to cut; each transport tries both hellos.
    expected: fails(/ECONNRESET|cut|disconnected/, 20_000),
    cause: "hello-cut",
    build: async (office) => {
      await startHaproxy(office, { kind: "name-filter", lets: "intranet.test" });
      office.redirectTls(INTERCEPT_PORT);
    },
  },
  {
    name: "DNS: no such name",
    network: "its DNS says that there is no such name",
    expected: fails(/ENOTFOUND/, 3000),
    cause: "name-unknown",
    build: (office) => answerNames(office, undefined),
  },
  {
    name: "DNS: 0.0.0.0",
    network: "its DNS says 0.0.0.0",
    expected: fails(/ECONNREFUSED/, 3000),
    cause: "name-filtered",
    build: (office) => answerNames(office, "0.0.0.0"),
  },
  {
    name: "DNS: a block page",
    network: "its DNS gives the address of a page that says no, with a certificate that nobody trusts",
    expected: fails(UNTRUSTED, 3000),
    cause: "page-instead",
    build: async (office) => {
      await startBox(office, { role: "page", port: 443, status: 403, tls: office.lab.corporateRoot.issue(RELAY_NAME) });
      await answerNames(office, office.boxAddress);
    },
  },
  {
    name: "DNS: silence",
    network: "its DNS does not answer",
    expected: fails(/EAI_AGAIN/, 8000),
    cause: "name-silent",
    build: (office) => {
      office.askTheBox();
      office.box.run("iptables", "-A", "INPUT", "-p", "udp", "--dport", "53", "-j", "DROP");
    },
  },
  {
    name: "portal",
    network: "sends everything to a page for signing in, without TLS",
    expected: fails(/speaks no TLS/, 3000),
    cause: "no-tls",
    build: async (office) => {
      await startBox(office, { role: "page", port: INTERCEPT_PORT, status: 302, location: "http://portal.test/" });
      office.redirectTls(INTERCEPT_PORT);
    },
  },
  {
    name: "portal with TLS",
    network: "the same with a certificate of its own",
    expected: fails(/self-signed|certificate is for/, 3000),
    cause: "certificate-other-name",
    build: async (office) => {
      const tls = Authority.selfSigned("portal.test");
      await startBox(office, {
        role: "page",
        port: INTERCEPT_PORT,
        status: 302,
        location: "https://portal.test/",
        tls,
      });
      office.redirectTls(INTERCEPT_PORT);
    },
  },
  {
    name: "block page",
    network: "shows a page that says no, with a certificate that the machine trusts",
    expected: fails(/403/, 3000, "refused"),
    cause: "page-instead",
    build: async (office) => {
      const tls = office.lab.corporateRoot.issue(RELAY_NAME);
      await startBox(office, { role: "page", port: INTERCEPT_PORT, status: 403, tls });
      office.trust({ corporate: true });
      office.redirectTls(INTERCEPT_PORT);
    },
  },
  {
    name: "silence behind TCP",
    network: "accepts connections to port 443, and says nothing",
    expected: fails(/TLS is not answered/, SILENT_MS),
    cause: "tls-silent",
    build: async (office) => {
      await startBox(office, { role: "silence", port: INTERCEPT_PORT });
      office.redirectTls(INTERCEPT_PORT);
    },
  },
];

async function answerNames(office: Office, address: string | undefined): Promise<void> {
  await startBox(office, { role: "names", port: 53, ...(address === undefined ? {} : { address }) });
  office.askTheBox();
}
