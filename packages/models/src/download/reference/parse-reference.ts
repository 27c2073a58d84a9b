// Parses references: paths, URLs of files, and tags of Hugging Face repositories or of Ollama's registry. It sends no requests.
import { createHash } from "node:crypto";
import filenamify from "filenamify";
import { cannotResolve } from "../transfer/download-error.ts";
import { allParts, firstPart, hubPrefix, nameOnDisk } from "../folder/model-names.ts";
import type { Credentials } from "../transfer/open-url.ts";
import { normalTag } from "./quantizations.ts";

const hubHosts = new Set(["huggingface.co", "hf.co"]);
const folderHashChars = 12;
export const defaultEndpoint = "https://huggingface.co/";

export interface FileTarget {
  readonly kind: "file";
  /** URL of the first part, without credentials and fragment. */
  readonly url: string;
  /** Path of the first part, relative to the models folder. */
  readonly name: string;
  readonly sha256: string | undefined;
  /** Template, system prompt and parameters from Ollama's registry. */
  readonly extras: Readonly<Record<string, unknown>> | undefined;
  /** Credentials in the URL itself. */
  readonly credentials: Credentials | undefined;
  /** The place of a hub's file. */
  readonly hub?: HubFile;
  /** The projector that the registry or the hub names with the model. */
  readonly projector?: FileTarget | undefined;
}

export interface TagTarget {
  readonly kind: "tag";
  readonly user: string;
  readonly repo: string;
  /** The tag of the file; if undefined, the hub chooses the file. */
  readonly tag: string | undefined;
}

export interface OllamaTarget {
  readonly kind: "ollama";
  /** The user in Ollama's registry; `library` for models without a user. */
  readonly user: string;
  readonly model: string;
  readonly tag: string;
  /** Name of the file in the models folder. */
  readonly name: string;
}

export type RemoteTarget = FileTarget | TagTarget | OllamaTarget;
export type Target = { readonly kind: "path" } | RemoteTarget;

/** @throws WaggleError invalid_argument if the reference is malformed */
export function parseReference(reference: string, endpoint: string): Target {
  const hub = /^hf:(?:\/\/)?(.*)$/is.exec(reference)?.[1];
  if (hub !== undefined) return parseHub(reference, hub, endpoint);
  const ollama = /^ollama:(?:\/\/)?(.*)$/is.exec(reference)?.[1];
  if (ollama !== undefined) return parseOllama(reference, ollama, endpoint);
  if (!/^https?:\/\//i.test(reference)) return { kind: "path" };
  if (!URL.canParse(reference)) throw cannotResolve(reference, "it is not a URL");
  return parseUrl(reference, new URL(reference), endpoint);
}

/**
 * The download that is probably meant by a word that is not a file: a hub's repository (`user/repo`), addresses without a scheme (`hf.co/user/repo`), and
 * Ollama's pages. A single word names no place, so it means no download.
 * @returns a reference to type instead; undefined for a word that looks like a path
 */
export function likelyReference(word: string): string | undefined {
  if (/\.gguf$/i.test(word) || /^[./~\\]|^[a-z]:\\|^(?:hf|ollama):/i.test(word)) return undefined;
  const address = word.replace(/^https?:\/\/(?:www\.)?(?=ollama\.com\/)/i, "");
  const [, host, name = ""] =
    /^(?:(hf\.co|(?:www\.)?huggingface\.co|ollama\.com(?:\/library)?)\/)?(.*)$/i.exec(address) ?? [];
  if (!/^(?:[\w.-]+\/)?\w[\w.-]*(?::[\w.-]+)?$/.test(name)) return undefined;
  if (host?.toLowerCase().startsWith("ollama") === true) return `ollama:${name}`;
  return name.includes("/") ? `hf:${name}` : undefined;
}

function parseHub(reference: string, content: string, endpoint: string): Target {
  const [user = "", repo = "", ...rest] = content.split("/");
  if (rest.length === 0 || repo.includes(":")) {
    const [name = "", ...tag] = repo.split(":");
    if (user === "" || name === "") throw cannotResolve(reference, "hf:user/repo:quant is wanted");
    const trimmed = tag.join(":").trim();
    const known = trimmed === "" || trimmed.toLowerCase() === "latest" ? undefined : normalTag(trimmed);
    return { kind: "tag", user, repo: name, tag: known };
  }
  const [path = "", branch = ""] = rest.join("/").split(/#(.*)/s);
  if (user === "" || repo === "" || path.split("/").at(-1) === "") {
    throw cannotResolve(reference, "hf:user/repo/file.gguf is wanted");
  }
  return hubFile({ endpoint, user, repo, branch: branch || "main", path });
}

/** Parses the forms that the ollama program accepts: `name`, `name:tag`, `user/name:tag` and `hf.co/user/repo:tag`. */
function parseOllama(reference: string, content: string, endpoint: string): Target {
  const [name = "", user = "library", host, ...rest] = content.trim().split("/").toReversed();
  if (host !== undefined && rest.length === 0 && hubHosts.has(host.toLowerCase())) {
    return parseHub(reference, `${user}/${name}`, endpoint);
  }
  const [model = "", tag = "latest", ...more] = name.split(":");
  const words = [user, model, tag];
  if (host !== undefined || more.length > 0 || !words.every((word) => /^\w[\w.-]*$/.test(word))) {
    throw cannotResolve(reference, "ollama:name:tag or ollama:user/name:tag is wanted");
  }
  // No word contains the separator `+`, so that two models never get the same local name.
  return { kind: "ollama", user, model, tag, name: nameOnDisk(`ollama_${words.join("+").toLowerCase()}.gguf`) };
}

export interface HubFile {
  readonly endpoint: string;
  readonly user: string;
  readonly repo: string;
  readonly branch: string;
  readonly path: string;
}

/** Identifies a file of the hub, or of a mirror of it, by its repository, branch and path. It is a reference, too. */
export function hubPlace({ user, repo, branch, path }: HubFile): string {
  return `hf:${user.toLowerCase()}/${repo.toLowerCase()}/${firstPart(path)}${branch === "main" ? "" : `#${branch}`}`;
}

function hubFile(file: HubFile): FileTarget {
  return { ...noSecrets, kind: "file", url: hubUrl(file), name: nameOnDisk(hubName(file)), hub: file };
}

function hubName({ user, repo, branch, path }: HubFile): string {
  const folders = path.split("/");
  const name = filenamify(withoutByteParts(folders.pop() ?? ""), { maxLength: Infinity });
  return firstPart(hubPrefix(user, repo, branch, folders, name) + name);
}

/** A projector's name begins with mmproj, so that it is recognised even if the name is cut. */
export function hubProjector(file: HubFile): FileTarget {
  return { ...noSecrets, kind: "file", url: hubUrl(file), name: nameOnDisk(`mmproj_${hubName(file)}`) };
}

export const noSecrets = { sha256: undefined, extras: undefined, credentials: undefined } as const;

export function hubUrl({ endpoint, user, repo, branch, path }: HubFile): string {
  const words = [user, repo, "resolve", branch, ...path.split("/")];
  return `${endpoint.replace(/\/*$/, "/")}${words.map(encodeURIComponent).join("/")}?download=true`;
}

function parseUrl(reference: string, url: URL, endpoint: string): Target {
  const words = decodedWords(url.pathname);
  if (words.at(-1) === undefined || words.at(-1) === "") throw cannotResolve(reference, "the URL has no file name");
  const sha256 = /^#sha256=(.*)$/i.exec(url.hash)?.[1]?.toLowerCase();
  if (sha256 !== undefined && !/^[\da-f]{64}$/.test(sha256)) {
    throw cannotResolve(reference, "a SHA-256 is 64 hexadecimal digits");
  }
  // The page of a model at Ollama is not a file.
  const page = likelyReference(url.origin + url.pathname);
  if (page !== undefined) throw cannotResolve(reference, `it is the address of a page. Use ${page}`);
  const hub = sha256 === undefined && isHub(url, endpoint) ? hubTarget(words, url, endpoint) : undefined;
  return hub ?? plainFile(reference, url, sha256);
}

/** Parses the address of the web page of a repository, or of a file in a repository. */
function hubTarget(words: readonly string[], url: URL, endpoint: string): FileTarget | TagTarget | undefined {
  const [user = "", repo = "", view, branch, ...path] = words;
  if (words.length === 2) return { kind: "tag", user, repo, tag: undefined };
  if ((view !== "resolve" && view !== "blob") || branch === undefined || path.length === 0) return undefined;
  return { ...hubFile({ endpoint, user, repo, branch, path: path.join("/") }), credentials: credentialsIn(url) };
}

function plainFile(reference: string, url: URL, sha256: string | undefined): FileTarget {
  const credentials = credentialsIn(url);
  url.username = "";
  url.password = "";
  url.hash = "";
  const parts = allParts(url.pathname);
  if (parts.length > 1 && sha256 !== undefined) {
    throw cannotResolve(reference, "a file in parts cannot have one SHA-256");
  }
  url.pathname = firstPart(url.pathname);
  const fileName = withoutByteParts(decodedWords(url.pathname).at(-1) ?? "");
  const name = nameOnDisk(filenamify(fileName, { maxLength: Infinity }));
  // Many different files are called model.gguf. So each hash has a separate local folder; without a hash, each folder of a server has one.
  const place = sha256 ?? hashOf(url.origin + url.pathname.replace(/[^/]*$/, ""));
  const folder = `url-${place.slice(0, folderHashChars)}`;
  return { ...noSecrets, kind: "file", url: url.href, name: `${folder}/${name}`, sha256, credentials };
}

function isHub(url: URL, endpoint: string): boolean {
  const hub = new URL(endpoint);
  return url.origin === hub.origin || (hubHosts.has(url.hostname) && hubHosts.has(hub.hostname));
}

function credentialsIn({ origin, username, password }: URL): Credentials | undefined {
  if (username === "" && password === "") return undefined;
  const pair = `${decoded(username)}:${decoded(password)}`;
  return { origin, authorization: `Basic ${Buffer.from(pair).toString("base64")}` };
}

/** Name of the whole file for a byte part: `a.gguf` for `a.gguf.part1of2`. */
function withoutByteParts(name: string): string {
  return name.replace(/(\.gguf)\.part\d+of\d+$/i, "$1");
}

function decodedWords(pathname: string): string[] {
  return pathname.slice(1).split("/").map(decoded);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
