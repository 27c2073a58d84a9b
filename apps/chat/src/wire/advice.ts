// Owns what a person reads when something went wrong: what it is, what to do, and how long to wait where waiting helps. Pure.
import type { Problem } from "./problem.ts";
import { settingLabels } from "./setting-labels.ts";

export interface Advice {
  /** What happened, in a few words. */
  readonly title: string;
  /** What the person can do about it. */
  readonly todo: string;
  /** Until another try makes sense; absent where waiting does not help, or nobody said how long. */
  readonly waitMs?: number;
  /** Where the way out is on this page. */
  readonly remedy?: "token" | "settings";
}

type Adviser = (problem: Problem) => Omit<Advice, "waitMs">;

/** One for each code of the protocol's closed list, and for the page's own. */
const advisers: Readonly<Record<Problem["code"], Adviser>> = {
  invalid_argument: adviseOnRequest,
  unauthenticated: () => ({
    title: "No API token, or a wrong one",
    todo: "Give a token, then try again. Whoever runs the server can give you one.",
    remedy: "token",
  }),
  forbidden: () => ({
    title: "Not allowed",
    todo: "This API token, or this page's address, may not do that. Use another token, or ask whoever runs the server.",
    remedy: "token",
  }),
  not_found: ({ message }) => ({
    title: "Not there any more",
    todo: `${message} Try again to ask for it anew; if it is the model that is missing, choose another one.`,
  }),
  method_not_allowed: () => ({
    title: "The server does not know this request",
    todo: "Reload the page: it may be older than the server.",
  }),
  conflict: () => ({
    title: "This was asked already",
    todo: "Another request has the same name. Try again to ask under a new one.",
  }),
  payload_too_large: ({ details }) => ({
    title: "The message is too large",
    todo: `${limitWords(details)}Shorten it, or remove attachments.`,
  }),
  resource_exhausted: adviseOnCrowd,
  cancelled: () => ({
    title: "Cancelled",
    todo: "A newer message, another tab or the server cancelled this answer. Try again to have it.",
  }),
  slow_consumer: () => ({
    title: "This page fell too far behind",
    todo: "The server no longer holds the part that this page has not read. Go on from what is here, or ask again.",
  }),
  deadline_exceeded: ({ details }) => ({
    title: "Not done within the time limit",
    todo: `${estimateWords(details)}Try again when less is going on, or raise the time limit in Settings.`,
    remedy: "settings",
  }),
  unimplemented: ({ message }) => ({
    title: "This model or server cannot do that",
    todo: `${message} Choose another model, or turn the setting off.`,
    remedy: "settings",
  }),
  engine_failed: () => ({
    title: "The engine failed while it answered",
    todo: "The worker starts it again by itself. Try again in a few seconds.",
  }),
  unavailable: ({ message }) => ({
    title: "The model is not ready",
    todo: `${message} It may be loading, restarting or shutting down: try again shortly.`,
  }),
  internal: () => ({
    title: "Something went wrong in the server",
    todo: "Try again. If it happens again, whoever runs the server finds the cause in its log.",
  }),
  gone: ({ message }) => ({ title: "The answer broke off", todo: `${message} Go on from there, or ask again.` }),
  unreachable: () => ({
    title: "Cannot reach the worker: it does not answer.",
    todo: "Check that it is running and that this device is online, then try again.",
  }),
};

/** @param now milliseconds since 1970 */
export function adviseOn(problem: Problem, now: number): Advice {
  // A conversation that a newer version wrote may hold a code that this one does not know.
  const adviser = Object.hasOwn(advisers, problem.code) ? advisers[problem.code] : advisers.internal;
  const { retryAt } = problem;
  return { ...adviser(problem), ...(retryAt === undefined ? {} : { waitMs: Math.max(0, retryAt - now) }) };
}

/** The request was read and refused: for its length, or for one of its fields. */
function adviseOnRequest({ message, details }: Problem): Omit<Advice, "waitMs"> {
  const { n_prompt_tokens: tokens, n_ctx: context } = details ?? {};
  if (typeof tokens === "number" && typeof context === "number") {
    return {
      title: "The message is too long for the model",
      todo: `It has ${words(tokens)} tokens with what goes before it, and the context holds ${words(context)}, the answer included. Shorten it, remove attachments, shorten the system prompt, or use a model with a larger context.`,
    };
  }
  const refused = refusedField(details);
  if (refused === undefined) {
    return { title: "The server refused the request", todo: `${message} Change the message or the settings.` };
  }
  const label = labelOf(refused.field.split(".")[0] ?? "");
  if (label === undefined) {
    return { title: "The server refused the request", todo: `${refused.field}: ${sentence(refused.problem)}` };
  }
  return {
    title: `The server refused a setting: ${label}`,
    todo: `${sentence(refused.problem)} Change it in Settings, then try again.`,
    remedy: "settings",
  };
}

const quotaWords: Readonly<Record<string, string>> = {
  requests_per_minute: "requests per minute",
  tokens_per_minute: "tokens per minute",
  tokens_per_day: "tokens per day",
  running_jobs: "answers at the same time",
};

function adviseOnCrowd({ message, details }: Problem): Omit<Advice, "waitMs"> {
  const { quota } = details ?? {};
  if (typeof quota === "string") {
    return {
      title: `Your quota is used up: ${quotaWords[quota] ?? quota}`,
      todo: "Wait until there is room again, or ask whoever runs the server for more.",
    };
  }
  return {
    title: "The server is busy",
    todo: `${message.replace(/ Retry in \d+ s\.$/, "")} Your message is kept: try again shortly.`,
  };
}

interface Refused {
  readonly field: string;
  readonly problem: string;
}

function refusedField(details: Problem["details"]): Refused | undefined {
  const { problems } = details ?? {};
  const first: unknown = Array.isArray(problems) ? problems[0] : undefined;
  if (typeof first !== "object" || first === null) return undefined;
  const { field, problem } = first as Partial<Record<keyof Refused, unknown>>;
  return typeof field === "string" && field !== "" && typeof problem === "string" ? { field, problem } : undefined;
}

function labelOf(field: string): string | undefined {
  return (settingLabels as Partial<Record<string, string>>)[field];
}

function limitWords(details: Problem["details"]): string {
  const { max_bytes: bytes } = details ?? {};
  return typeof bytes === "number" ? `The server takes ${words(bytes)} bytes at most. ` : "";
}

function estimateWords(details: Problem["details"]): string {
  const { estimate_ms: estimate } = details ?? {};
  return typeof estimate === "number" ? `The first word was to be expected in ${Math.ceil(estimate / 1_000)} s. ` : "";
}

function sentence(text: string): string {
  const upper = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(upper) ? upper : `${upper}.`;
}

function words(count: number): string {
  return count.toLocaleString("en");
}
