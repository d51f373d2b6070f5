import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";

/** One file of an installation: where it comes from, and its path in the folder that is installed. */
export type ParcelFile = { readonly source: string; readonly path: string; readonly mode: number };

type Lock = { readonly packages?: Readonly<Record<string, { readonly dev?: boolean; readonly link?: boolean }>> };

/** Of no use at run time. */
const LEFT_OUT = /\.map$|\.d\.[cm]?ts$/;

/**
 * The files of an installation: the compiled relay, the modules that it needs at run time, and the node that runs it.
 * @param from the folder of a checkout after `npm ci` and `npm run build`.
 * @param node the path of a node binary.
 */
export function parcelOf(from: string, node: string): readonly ParcelFile[] {
  if (!existsSync(join(from, "dist/relay/main.js"))) {
    throw new Error(`${join(from, "dist")} holds no relay: run "npm ci" and "npm run build" first`);
  }
  const lock = JSON.parse(readFileSync(join(from, "package-lock.json"), "utf8")) as Lock;
  const modules = Object.entries(lock.packages ?? {})
    // A link leads to a workspace, which is no part of the relay.
    .filter(([path, { dev, link }]) => path.startsWith("node_modules/") && dev !== true && link !== true)
    .filter(([path]) => existsSync(join(from, path)))
    .map(([path]) => path);
  return [
    ...["package.json", "LICENSE", "dist", ...modules].flatMap((path) => filesBelow(from, path)),
    { source: node, path: "bin/node", mode: 0o755 },
  ];
}

/** Whether a folder holds these files, and no others. */
export function holdsParcel(folder: string, parcel: readonly ParcelFile[]): boolean {
  if (!existsSync(folder)) return false;
  const there = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)));
  const wanted = new Set(parcel.map(({ path }) => path));
  return (
    there.length === wanted.size &&
    there.every((path) => wanted.has(path)) &&
    parcel.every(({ source, path, mode }) => isSame(source, join(folder, path), mode))
  );
}

/** The folders that a copy makes beside its own, and that are left where it is interrupted: the next version, the last one. */
export function besides(folder: string): readonly [string, string] {
  return [`${folder}.next`, `${folder}.last`];
}

/**
 * Puts the files into a folder in place of all that is there. They are copied beside it first, so the folder is never
 * half of one version and half of another. Readable by all, written by its owner alone, whatever the umask was.
 */
export function putParcel(folder: string, parcel: readonly ParcelFile[]): void {
  const [next, last] = besides(folder);
  for (const leftOver of [next, last]) rmSync(leftOver, { recursive: true, force: true });
  for (const { source, path, mode } of parcel) {
    const target = join(next, path);
    makeFolder(dirname(target));
    copyFileSync(source, target);
    chmodSync(target, mode);
  }
  if (existsSync(folder)) renameSync(folder, last);
  renameSync(next, folder);
  rmSync(last, { recursive: true, force: true });
}

/** Makes a folder, and those above it, that all may read, whatever the umask is. One that is there stays as it is. */
export function makeFolder(path: string): void {
  if (existsSync(path)) return;
  makeFolder(dirname(path));
  mkdirSync(path);
  chmodSync(path, 0o755);
}

/** A file, or all files below a folder. Modules within modules have an entry of their own in the lock file. */
function filesBelow(root: string, path: string): readonly ParcelFile[] {
  const source = join(root, path);
  if (!existsSync(source) || LEFT_OUT.test(path)) return [];
  const status = statSync(source);
  if (!status.isDirectory()) return [{ source, path, mode: status.mode & 0o100 ? 0o755 : 0o644 }];
  return readdirSync(source)
    .filter((name) => name !== "node_modules")
    .flatMap((name) => filesBelow(root, join(path, name)));
}

function isSame(source: string, target: string, mode: number): boolean {
  const [wanted, there] = [statSync(source), statSync(target)];
  if (wanted.size !== there.size || (there.mode & 0o777) !== mode) return false;
  return readFileSync(source).equals(readFileSync(target));
}
