import { writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect } from "vitest";
import { itWithBicep } from "../support/requires.ts";
import { Compiler, Refusal } from "./compiler.ts";
import { groupOf } from "./judgements.ts";
import { TemplateCopy } from "./template-copy.ts";

let compiler: Compiler;
let copy: TemplateCopy;

beforeAll(async () => {
  compiler = new Compiler();
  copy = new TemplateCopy();
  // What is made of a secure parameter is not evaluated here; Azure does evaluate it.
  copy.plant("relay.bicep", "@secure()\nparam secretSettings", "param secretSettings");
  await copy.build(compiler);
});
afterAll(() => {
  compiler.stop();
  copy.remove();
});

const DIGEST = `@sha256:${"5a".repeat(32)}`;
const OWN = "param customDomain = 'relay.example.com'\n";
const NETWORK = "param network = { addressPrefix: '10.20.0.0/24', subnetPrefix: '10.20.0.0/26' }\n";
const long = (length: number): string => "a".repeat(length);
const domain = (given: string): string => `param customDomain = '${given}'`;
const zone = (given: string, name: string): string => `${domain(given)}\nparam dnsZone = { name: '${name}' }`;
const settings = (given: string): string => `param settings = { ${given} }`;
const secrets = (given: string): string => `param secretSettings = { ${given} }`;
const network = (addresses: string, subnet: string): string =>
  `${OWN}param network = { addressPrefix: '${addresses}', subnetPrefix: '${subnet}' }`;
const image = (given: string): string => `param image = '${given}'`;
const listen = (...given: readonly string[]): string => `param listen = [${given.map((one) => `'${one}'`).join(", ")}]`;
const source = (given: string): string => `param source = '${given}'`;
const GIT = "https://github.com/o/postern.git";

/** What is typed, as a file of parameters has it, and what the refusal says to type instead. */
const REFUSED: readonly (readonly [what: string, typed: string, instead: RegExp])[] = [
  ["a domain that is a URL", domain("wss://relay.example.com/x"), /write relay\.example\.com\./],
  ["a domain with a port", domain("relay.example.com:443"), /write relay\.example\.com\./],
  ["a domain that is a wildcard", domain("*.example.com"), /write relay\.example\.com\./],
  ["a domain in another script", domain("relé.example.com"), /in its form that begins with xn--/],
  ["a blank domain", domain(" "), /is blank: write a name, such as relay\.example\.com, or leave it out/],
  ["two domains", domain("a.example.com,b.example.com"), /one name is wanted: write a\.example\.com\./],
  ["a domain that is an address", domain("192.0.2.1"), /write a name that leads to it/],
  ["a domain without a dot", domain("relay"), /write a public name, such as relay\.example\.com/],
  ["a domain with an underscore", domain("my_relay.example.com"), /write labels of 1 to 63 letters/],
  ["a domain with a long label", domain(`${long(64)}.example.com`), /write labels of 1 to 63 letters/],
  ["a domain with an empty label", domain("relay..example.com"), /write labels of 1 to 63 letters/],
  ["a domain of Azure's own", domain("a.westeurope.azurecontainer.io"), /leave it out, and write dnsLabel=a/],
  ["a domain in another zone", zone("relay.other.org", "example.org"), /such as dnsZone\.name=other\.org/],
  ["a domain whose end is not the zone's label", zone("relay.myexample.org", "example.org"), /not in the zone/],
  ["the top of a zone", zone("example.com", "example.com"), /write a name below it, such as relay\.example\.com/],
  ["an empty zone", zone("relay.example.com", ""), /dnsZone\.name is blank: write a name/],
  ["a zone without a domain", "param dnsZone = { name: 'example.com' }", /write customDomain=relay\.example\.com/],
  ["a network without a domain", NETWORK, /write customDomain=relay\.example\.com/],
  ["a name with an underscore", "param name = 'my_relay'", /write 3 to 10 lower-case letters, digits and hyphens/],
  ["a name that begins with a digit", "param name = '1relay'", /begin with a letter/],
  ["a name with two hyphens", "param name = 'a--b'", /no two in a row/],
  ["a name that ends with a hyphen", "param name = 'relay-'", /end with none of the hyphens|write 3 to 10/],
  ["a name with a dot", "param name = 'po.st'", /such as postern/],
  ["a name of two letters", "param name = 'ab'", /write 3 to 10/],
  ["a name of eleven letters", "param name = 'abcdefghijk'", /write 3 to 10/],
  ["an empty label", "param dnsLabel = ''", /write 5 to 63 letters, .* or leave it out/],
  ["a long label", `param dnsLabel = '${long(70)}'`, /write 5 to 63 letters/],
  ["a label with a dot", "param dnsLabel = 'my.relay'", /write 5 to 63 letters/],
  ["memory of nothing", "param memoryInGB = ''", /in steps of a tenth, 0\.1 to 240, without a unit, such as 1\.5/],
  ["memory of 0", "param memoryInGB = '0'", /such as 1\.5/],
  ["memory below 0", "param memoryInGB = '-1'", /steps of a tenth/],
  ["memory that no group has", "param memoryInGB = '9999'", /0\.1 to 240/],
  ["memory in hundredths", "param memoryInGB = '1.55'", /steps of a tenth/],
  ["memory with a unit", "param memoryInGB = '2GB'", /without a unit, such as 2\./],
  ["memory with a comma", "param memoryInGB = '1,5'", /such as 1\.5/],
  ["memory with a zero before it", "param memoryInGB = '010'", /steps of a tenth/],
  ["memory that does not hold the connections", "param memoryInGB = '0.5'", /write memoryInGB=1\.5, or a lower/],
  ["more connections than any memory holds", "param maxConnections = 1000000", /write a lower maxConnections/],
  ["more connections than the memory holds", "param maxConnections = 1000", /write memoryInGB=3\.\d/],
  ["frames that the memory does not hold", settings("MAX_FRAME_BYTES: '4194304'"), /write memoryInGB=/],
  ["a setting that is a parameter", settings("EMAIL: 'a@example.com'"), /write the parameter acmeEmail/],
  ["a setting that is one, in lower case", settings("max_connections: '5'"), /write the parameter maxConnections/],
  ["a setting that the template makes", settings("KEY_VAULT_URL: 'https://x'"), /leave it out/],
  ["mailboxes, for which there is no disk", settings("MAILBOX_STORE: 'sqlite'"), /no disk for it/],
  ["a setting with a space in its name", settings("'LOG LEVEL': 'debug'"), /write LOG_LEVEL/],
  ["a setting as a flag", settings("'--log-level': 'debug'"), /write LOG_LEVEL/],
  ["a setting with nothing in it", settings("LOG_LEVEL: ''"), /write a value, or leave it out/],
  [
    "STUN's port among the settings, where nobody would open it",
    settings("STUN_PORT: '3478'"),
    /write the parameter stunPort/,
  ],
  ["a port for STUN that is the one of clients", "param stunPort = 443", /write 3478, or another port/],
  ["further ports among the settings", settings("LISTEN: 'wss:8765=mesh'"), /write the parameter listen/],
  ["a second name", settings("VIRTUAL_HOSTS: 'mesh.example.com=mesh'"), /is for one name: leave it out/],
  ["STUN's second address", settings("STUN_ADDRESSES: '192.0.2.1,192.0.2.2'"), /has one address: leave it out/],
  ["a further port without dialects", listen("wss:8765"), /in each text, such as wss:8765=mesh/],
  ["a further port without a word", listen("8765=mesh"), /in each text, such as wss:8765=mesh/],
  ["a further port that is no number", listen("wss:many=mesh"), /in each text/],
  ["a further port that there is not", listen("wss:70000=mesh"), /in each text/],
  ["a further port with half of a list", listen("wss:8765=mesh+"), /in each text/],
  ["two further ports in one text", listen("wss:8765=mesh,wss:8766=pair"), /in each text/],
  ["a further port of the machine's own", listen("ws:8080=pair"), /write wss:8080=pair, or ws-anywhere:8080=pair/],
  ["a further port that all clients have", listen("wss:443=pair"), /opens for all clients already/],
  ["a further port that STUN has", `${listen("wss:3478=pair")}\nparam stunPort = 3478`, /opens for STUN already/],
  ["a further port twice", listen("wss:8765=mesh", "wss:8765=pair"), /with a plus between them/],
  ["a further port without and with TLS", listen("wss:8765=mesh", "ws-anywhere:8765=pair"), /with a plus between them/],
  [
    "more ports than Azure opens",
    listen(..."12345".split("").map((end) => `wss:876${end}=pair`)),
    /Azure opens 4 here/,
  ],
  [
    "more ports than Azure opens, STUN's among them",
    `${listen(..."1234".split("").map((end) => `wss:876${end}=pair`))}\nparam stunPort = 3478`,
    /Azure opens 3 here/,
  ],
  ["a further port for mailboxes", listen("wss:8765=pair+mailbox"), /no disk for mailboxes/],
  ["a word that the relay refuses", settings("LOG_LEVEL: 'verbose'"), /write trace, debug, info/],
  ["a number that the relay refuses", settings("SWEEP_INTERVAL_MS: '20s'"), /write a whole number, 100 to 600000/],
  ["a truth that the relay refuses", settings("AUTH_REQUIRE_EXPIRY: 'maybe'"), /write true, 1, yes/],
  ["a secret that all may read", settings("ADMIN_TOKEN: '0123456789abcdef0123'"), /write it in secretSettings/],
  ["a mark above the limit", settings("OUTBOX_HIGH_WATER_BYTES: '2097152'"), /write 1048576 for the first/],
  ["half of an account", settings("ACME_EAB_KEY_ID: 'kid-1'"), /ACME_EAB_HMAC_KEY go together/],
  ["tokens without keys", settings("AUTH: 'tokens'"), /write one of AUTH_JWKS_URL in settings and AUTH_KEY_SET/],
  ["pings too seldom", settings("SWEEP_INTERVAL_MS: '20000'"), /PING_INTERVAL_MS .* write less for the first/],
  ["PROXY headers of anybody", settings("PROXY_PROTOCOL: 'true'"), /TRUSTED_PROXIES too/],
  ["a secret that is a parameter", secrets("DOMAIN: 'x'"), /secretSettings has DOMAIN, .* customDomain/],
  ["a secret that is a limit", secrets("MAX_RSS_BYTES: '1'"), /set elsewhere too: write it once/],
  ["a secret in both", `${settings("LOG_LEVEL: 'info'")}\n${secrets("LOG_LEVEL: 'debug'")}`, /write it once/],
  ["a secret with a bad name", secrets("'ADMIN-TOKEN': 'x'"), /write ADMIN_TOKEN/],
  ["an address for mail without an @", "param acmeEmail = 'ops.example.com'", /such as ops@example\.com/],
  ["an address for mail on no host", "param acmeEmail = 'ops@localhost'", /such as ops@example\.com/],
  ["no address for alerts", "param alertEmails = ['']", /such as ops@example\.com/],
  ["two addresses in one", "param alertEmails = ['a@example.com,b@example.com']", /one address in each text/],
  ["no location", "param location = ''", /write a region, such as westeurope/],
  ["a location with a hyphen", "param location = 'west-europe'", /write a region, such as westeurope/],
  ["a network that is no prefix", network("10.20.0.0", "10.20.0.0/26"), /such as 10\.20\.0\.0\/24/],
  ["a network from the middle", network("10.20.0.5/24", "10.20.0.0/26"), /write 10\.20\.0\.0\/24/],
  ["an octet of 256", network("10.256.0.0/24", "10.20.0.0/26"), /write an address and the length/],
  ["a subnet outside", network("10.20.0.0/24", "10.21.0.0/26"), /such as 10\.20\.0\.0\/26/],
  ["a subnet that is too small", network("10.20.0.0/24", "10.20.0.0/30"), /prefix of 8 to 29 bits/],
  ["a network in Azure Government", `${OWN}${NETWORK}param location = 'usgovvirginia'`, /leave network out/],
  [
    "a test from outside in China",
    "param location = 'chinanorth3'\nparam certificateTest = true",
    /leave certificateTest out in/,
  ],
  ["an image that nobody has published", image(`ghcr.io/plures/postern@sha256:${"0".repeat(64)}`), /write image=HOST/],
  ["an image without a host", image("postern"), /write HOST\/NAME@sha256:DIGEST/],
  ["an image as a URL", image(`https://ghcr.io/plures/postern${DIGEST}`), /without https/],
  ["half of a digest", image("ghcr.io/plures/postern@sha256:5a5a"), /write its digest whole/],
  [
    "an image of another registry",
    "param registry = { name: 'yourregistry' }",
    /write image=yourregistry\.azurecr\.io/,
  ],
  ["a registry with a hyphen", "param registry = { name: 'your-registry' }", /5 to 50 letters and digits/],
  [
    "a source and an image",
    `${source(GIT)}\n${image(`ghcr.io/plures/postern${DIGEST}`)}`,
    /leave image out to have one/,
  ],
  ["a source and a registry", `${source(GIT)}\nparam registry = { name: 'yourregistry' }`, /leave registry out/],
  [
    "a source that wants a key",
    source("git@github.com:o/postern.git"),
    /write https:\/\/github\.com\/o\/postern\.git\./,
  ],
  ["a source by ssh", source("ssh://git@github.com/o/postern.git"), /write https:\/\/github\.com\/o\/postern\.git\./],
  ["a source with a password", source("https://me:word@github.com/o/postern.git"), /write a URL without a password/],
  ["a source without encryption", source("http://github.com/o/postern.git"), /begins with https:\/\//],
  ["a source that is a folder", source("."), /npm run azure:deploy builds a folder/],
  [
    "the page of a repository",
    source("https://github.com/o/postern"),
    /write the URL that git clone takes, such as https:\/\/github\.com\/o\/postern\.git\./,
  ],
  [
    "the page of a branch",
    source("https://github.com/o/postern/tree/main"),
    /such as https:\/\/github\.com\/o\/postern\.git#main\./,
  ],
  ["a host without a repository", source("https://github.com"), /such as https:\/\/github\.com\/OWNER\/postern\.git\./],
  ["an archive", source("https://example.com/o/postern.tgz"), /write the URL that git clone takes/],
  [
    "a source with nothing behind its #",
    source("https://github.com/o/postern.git#"),
    /write a branch, a tag or a commit behind the #/,
  ],
  ["a source with more behind it", source("https://github.com/o/postern.git#main;x"), /postern\.git#main\./],
  [
    "two sources",
    source("https://a.example.com/x.git https://b.example.com/x.git"),
    /write one Git URL without blanks/,
  ],
  ["an authority without https", "param acmeDirectory = 'http://ca.example.com'", /write letsencrypt/],
  ["an authority that is misspelt", "param acmeDirectory = 'lets-encrypt'", /write letsencrypt/],
  ["a test of what nobody trusts", "param certificateTest = true", /leave certificateTest out/],
  [
    "a test without monitoring",
    "param environment = 'prod'\nparam certificateTest = true\nparam monitoring = false",
    /leave one of them out/,
  ],
  ["a role that is no id", "param vaultRole = 'Key Vault Secrets Officer'", /such as b86a8fe4/],
];

itWithBicep().each(REFUSED)("refuses %s, and says what to type", async (_what, typed, instead) => {
  const refused = await copy.evaluate(compiler, typed).catch((error: unknown) => error);

  expect(refused).toBeInstanceOf(Refusal);
  // A sentence of the template's, and none of the compiler's.
  expect((refused as Refusal).message).toMatch(/^The template variable '(baseName|secretVariables)' is not valid: /);
  expect((refused as Refusal).message).toMatch(instead);
});

itWithBicep()("tells everything that is wrong at once", async () => {
  const typed = `${domain("wss://relay.example.com")}\nparam memoryInGB = '1,5'\nparam name = 'my_relay'`;

  await expect(copy.evaluate(compiler, typed)).rejects.toThrow(
    /write 3 to 10 .*write relay\.example\.com.*such as 1\.5/,
  );
});

itWithBicep()("says nothing of a secret but its name", async () => {
  const typed = secrets("AUTH_KEY_SET: 'k3y-of-somebody', 'ADMIN-TOKEN': 't0ken-of-somebody', LOG_LEVEL: 'w0rd'");

  const { message } = (await copy.evaluate(compiler, typed).catch((error: unknown) => error)) as Refusal;
  expect(message).toContain("ADMIN_TOKEN");
  expect(message).not.toMatch(/somebody|w0rd/);
});

itWithBicep()("gives secrets as what cannot be read back", async () => {
  const made = await copy.evaluate(compiler, secrets("admin_token: '0123456789abcdef0123'"));

  // An expression still, and not the secret: the type of the parameter that it passes through is secure.
  const { environmentVariables } = groupOf(made).properties.containers[0].properties;
  expect(environmentVariables.at(-1)).toEqual({ name: "ADMIN_TOKEN", secureValue: expect.stringMatching(/^\[/) });
  expect(JSON.stringify(made)).not.toContain("0123456789abcdef0123");
});

itWithBicep()(
  "refuses the bare command where nothing was published, and names the three ways to an image",
  async () => {
    const unpublished = new TemplateCopy();
    writeFileSync(
      unpublished.path("infra/image.json"),
      JSON.stringify({ image: `ghcr.io/o/postern@sha256:${"0".repeat(64)}` }),
    );
    await unpublished.build(compiler);

    const bare = await unpublished.evaluate(compiler, "param environment = 'prod'").catch((error: unknown) => error);
    const built = await unpublished.evaluate(compiler, source(GIT)).finally(() => unpublished.remove());

    expect((bare as Refusal).message).toMatch(
      /'baseName' is not valid: .*write source=https.* or write image=HOST.* or run npm run azure:deploy/,
    );
    expect(built.predictedResources.map(({ type }) => type)).toContain(
      "Microsoft.ContainerRegistry/registries/taskRuns",
    );
  },
);

itWithBicep()("refuses through azd's template too", async () => {
  const path = copy.path("infra/refused.bicepparam");
  writeFileSync(
    path,
    `using 'main.bicep'\nparam environmentName = 'x'\nparam location = 'westeurope'\n${domain("relay")}\n`,
  );

  await expect(compiler.snapshot(path, { location: "westeurope" })).rejects.toThrow(/write a public name/);
});
