import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, onTestFinished } from "vitest";
import { itWithMounts } from "../support/requires.ts";

const it = itWithMounts();

/** In place of systemd: writes down what it is told, and says of the service what the test has put into a file. */
const SYSTEMCTL = `#!/bin/sh
case "$1" in
  show) cat "$SCENE/state" ;;
  start | restart) echo "$1" >>"$SCENE/told" && cp "$SCENE/state-after-start" "$SCENE/state" ;;
  *) echo "$1" >>"$SCENE/told" ;;
esac
`;
const SYSUSERS = `#!/bin/sh
echo postern:x:990:990::/var/lib/postern:/usr/sbin/nologin >>/etc/passwd
`;
/** With folders of its own in place of /etc and /opt: to the scripts it is the machine itself. */
const IN_SCENE = `
mount --bind "$SCENE/etc" /etc && mount --bind "$SCENE/opt" /opt && PATH="$SCENE/bin:$PATH" && exec "$0" "$@"
`;

it("has the relay start anew where it is older than what is installed, and says where it does not stay up", () => {
  const scene = new Scene();
  scene.service("active", process.hrtime.bigint());
  scene.afterStart("activating");

  const copied = scene.run("install", "--no-start", ...scene.installFlags);
  const toldBefore = scene.told();
  const again = scene.run("install", ...scene.installFlags);

  expect([copied.status, toldBefore]).toEqual([0, ["daemon-reload", "enable"]]);
  expect(again.stdout).toMatch(/^ {2}restart the service$/m);
  expect(scene.told()).toContain("restart");
  expect(again.stderr).toMatch(
    /^install: everything is in place, but the service does not stay up \(activating, exit-code\)/,
  );
  expect(again.stderr).toContain("systemctl status postern");
  expect(again.status).toBe(1);
});

it("stops a service that is between two attempts to start", () => {
  const scene = new Scene();
  scene.service("activating", process.hrtime.bigint());

  const { status } = scene.run("uninstall");

  expect(status).toBe(0);
  expect(scene.told()).toContain("stop");
});

/** A machine with a checkout that was built. */
class Scene {
  readonly #folder = mkdtempSync(join(tmpdir(), "postern-"));

  constructor() {
    onTestFinished(() => rmSync(this.#folder, { recursive: true }));
    this.#write("etc/passwd", "root:x:0:0::/root:/bin/sh\n");
    this.#write("opt/of-others", "");
    this.#write("bin/systemctl", SYSTEMCTL);
    this.#write("bin/systemd-sysusers", SYSUSERS);
    this.#write("told", "");
    for (const path of ["package.json", "package-lock.json"]) this.#write(`checkout/${path}`, "{}");
    this.#write("checkout/dist/relay/main.js", "");
  }

  get installFlags(): readonly string[] {
    return ["--from", join(this.#folder, "checkout"), "--node", "/bin/true"];
  }

  /** What systemd says of the service from now on. @param startedAtNs on the clock that counts from the boot. */
  service(active: string, startedAtNs: bigint): void {
    this.#write("state", stateOf(active, startedAtNs));
  }

  /** What it says once the service was told to start. */
  afterStart(active: string): void {
    this.#write("state-after-start", stateOf(active, process.hrtime.bigint()));
  }

  told(): readonly string[] {
    return readFileSync(join(this.#folder, "told"), "utf8").split("\n").filter(Boolean);
  }

  run(script: string, ...args: readonly string[]): { stdout: string; stderr: string; status: number | null } {
    const command = [join(process.cwd(), "node_modules/.bin/node"), `scripts/${script}.ts`, ...args];
    return spawnSync("unshare", ["--mount", "sh", "-c", IN_SCENE, ...command], {
      encoding: "utf8",
      env: { ...process.env, SCENE: this.#folder },
    });
  }

  #write(path: string, content: string): void {
    const target = join(this.#folder, path);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, content, { mode: path.startsWith("bin/") ? 0o755 : 0o644 });
  }
}

function stateOf(active: string, startedAtNs: bigint): string {
  const result = active === "active" ? "success" : "exit-code";
  const startedAtUs = startedAtNs / 1000n;
  return `ActiveState=${active}\nResult=${result}\nInvocationID=0a\nExecMainStartTimestampMonotonic=${startedAtUs}\n`;
}
