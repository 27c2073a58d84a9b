// Offers the download that a user probably means who names a model as people do: `qwen3`, `llama3.2:3b`, `hf.co/user/repo`. A recommended model
// comes first, then the hub's models. A reference is offered only if it exists.
import { formatBytes } from "@waggle/daemon/terminal";
import { likelyReference, listHubFiles, searchHub } from "@waggle/models/download";
import { recommendedByName } from "@waggle/models/recommended";
import type { Context } from "../command.ts";
import { ask } from "../terminal/confirm.ts";
import { isOnDisk } from "./downloads.ts";
import { isEmbeddedModel } from "./embedded-model.ts";
import { adviseHere, fitWord, pickBest, type AdviceHere } from "./recommended.ts";
import { hubOptions } from "./worker-settings.ts";

/** The context of a command, which `waggle serve` has only in part: it asks before its own command starts. */
export type AskContext = Omit<Context, "passSignals">;

export interface OfferOptions {
  /** Whether the command is there to download: the question then says nothing of a missing model. */
  readonly isPull?: boolean;
  /** The value of `--hub-url`. */
  readonly hubUrl?: string | undefined;
  /** Computes which recommended models fit; by default on this machine. */
  readonly advise?: (context: AskContext) => Promise<AdviceHere>;
}

interface Offer {
  readonly reference: string;
  /** A sentence of the model. */
  readonly words: string;
  readonly enterMeansYes: boolean;
}

/**
 * Asks only in a terminal; elsewhere, and after a no, the caller's error names what to do.
 * @param word a name that is not a model on this machine
 * @returns the reference to use instead; undefined after a no
 */
export async function offerDownload(
  context: AskContext,
  word: string,
  options: OfferOptions = {},
): Promise<string | undefined> {
  const { stdin, out } = context;
  const isName = /^[^\s./~\\:][^\s\\]*$/.test(word) && !/\.gguf$|^[a-z]+:\/|^(?:hf|ollama|https?):/i.test(word);
  if (!isName || isEmbeddedModel(word) || !stdin.isTTY || !out.isTerminal) return undefined;
  const offer = await findOffer(context, word, options);
  if (offer === undefined) return undefined;
  const missing = options.isPull === true ? "" : `There is no model ${word} here. `;
  return (await ask(context, `${missing}${offer.words} Download?`, offer.enterMeansYes)) ? offer.reference : undefined;
}

async function findOffer(
  context: AskContext,
  word: string,
  { advise = adviseHere, hubUrl }: OfferOptions,
): Promise<Offer | undefined> {
  const names = new Set(recommendedByName(word).map(({ name }) => name));
  if (names.size > 0) {
    const { advice, machine } = await advise(context);
    const best = pickBest(
      advice.filter(({ model }) => names.has(model.name)),
      machine,
    );
    if (best === undefined) return undefined;
    const { name, bytes, reference } = best.model;
    const { verdict } = best.row.fit ?? {};
    const words = `${name}, ${formatBytes(bytes)}, ${fitWord(best.row)}.`;
    return { reference, words, enterMeansYes: verdict !== undefined && verdict !== "none" };
  }
  const likely = likelyReference(word);
  if (likely?.startsWith("ollama:") === true) return { reference: likely, words: `${likely}.`, enterMeansYes: false };
  const reference = await findAtHub(context, word, likely, hubUrl);
  if (reference === undefined) return undefined;
  return { reference, words: `The hub has ${reference}.`, enterMeansYes: false };
}

/** A repository of the hub with the name, or the most downloaded one that contains it. Undefined without an answer of the hub. */
async function findAtHub(
  { config, signal }: AskContext,
  word: string,
  likely: string | undefined,
  hubUrl: string | undefined,
): Promise<string | undefined> {
  const hub = await hubOptions(config.env, hubUrl);
  if (hub.offline) return undefined;
  try {
    if (likely !== undefined) return (await listHubFiles(likely, { ...hub, signal })).length > 0 ? likely : undefined;
    const found = await searchHub(word.replaceAll(":", " "), { ...hub, signal });
    return found.find(({ gated }) => !gated)?.reference;
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}

/** The words of `waggle serve`, with the references that the user accepts in place of the names. */
export async function offerDownloads(
  context: AskContext,
  words: readonly string[],
  options: OfferOptions = {},
): Promise<readonly string[]> {
  if (words.length === 0) return words;
  const { readSettings } = await import("@waggle/worker");
  const settings = await readSettings(words, context.config.env);
  if (settings.kind !== "run" || settings.config.backend === "fake") return words;
  // Only the worker's parser knows which words are models, and which are values of flags.
  const models = new Set(settings.config.models.map(({ reference }) => reference));
  const accepted: string[] = [];
  for (const word of words) {
    const model = modelIn(word);
    const isUnknown = models.has(model) && !(await isOnDisk(settings.config, model));
    const reference = isUnknown
      ? await offerDownload(context, model, { hubUrl: settings.config.hubUrl, ...options })
      : undefined;
    accepted.push(reference === undefined ? word : word.slice(0, word.length - model.length) + reference);
  }
  return accepted;
}

/** The model in `model`, `name=model` or `--model=model`. */
function modelIn(word: string): string {
  return word.slice(word.lastIndexOf("=") + 1);
}
