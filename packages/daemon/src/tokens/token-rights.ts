// Owns the rights and quotas of an API token (admin, monitor, tools, limits), and parses them from the words after a token.

/** The limits of a client. An undefined field means no limit. */
export interface Quota {
  /** Requests that start a job, in any 60 s. */
  readonly requestsPerMinute: number | undefined;
  /** Prompt and completion tokens in any 60 s, cached ones included. */
  readonly tokensPerMinute: number | undefined;
  /** Prompt and completion tokens in any 24 h, cached ones included. */
  readonly tokensPerDay: number | undefined;
  /** Jobs that wait or run at the same time. */
  readonly runningJobs: number | undefined;
}

export interface TokenRights {
  /** May load and unload models and cancel jobs of other clients; includes the rights of `monitor`. */
  readonly admin: boolean;
  /** May see the usage and jobs of other clients. */
  readonly monitor: boolean;
  /** Names of the MCP servers whose tools the client may run. */
  readonly tools: "all" | ReadonlySet<string>;
  readonly quota: Quota;
}

export const noQuota: Quota = {
  requestsPerMinute: undefined,
  tokensPerMinute: undefined,
  tokensPerDay: undefined,
  runningJobs: undefined,
};

export const noRights: TokenRights = { admin: false, monitor: false, tools: new Set(), quota: noQuota };

const quotaWords: ReadonlyMap<string, keyof Quota> = new Map([
  ["requests-per-minute", "requestsPerMinute"],
  ["tokens-per-minute", "tokensPerMinute"],
  ["tokens-per-day", "tokensPerDay"],
  ["running-jobs", "runningJobs"],
]);
const maxQuota = 1_000_000_000_000;
/** Names as in the file of MCP servers. */
const serverNames = /^[A-Za-z0-9-]+(?:_[A-Za-z0-9-]+)*(?:,[A-Za-z0-9-]+(?:_[A-Za-z0-9-]+)*)*$/;
const form = `admin, monitor, tools=<all or servers>, ${[...quotaWords.keys()].map((word) => `${word}=<n>`).join(", ")}`;

/**
 * Parses the words `admin`, `monitor`, `tools=all` or `tools=name,name`, and `name=number` for each part of a quota. The words may be in any order, each at most once.
 * @returns the rights, or a problem that completes a sentence. The problem quotes only known words, since any other word may be part of a token.
 */
export function parseRights(words: readonly string[]): TokenRights | string {
  const marks = { admin: false, monitor: false };
  let tools: TokenRights["tools"] | undefined;
  const quota: { -readonly [K in keyof Quota]: Quota[K] } = { ...noQuota };
  for (const [index, word] of words.entries()) {
    const [name = "", value] = word.split(/=(.*)/s, 2);
    const key = quotaWords.get(name);
    if (word === "admin" || word === "monitor") {
      if (marks[word]) return `${word} is repeated`;
      marks[word] = true;
    } else if (name === "tools") {
      if (tools !== undefined) return "tools is repeated";
      tools = toolsOf(value);
      if (tools === undefined) return "tools takes all, or names of MCP servers, as in tools=files,search";
    } else if (key === undefined) {
      return `word ${index + 1} after the token must be one of ${form}; a token has no spaces`;
    } else {
      if (quota[key] !== undefined) return `${name} is repeated`;
      const limit = /^\d{1,13}$/.test(value ?? "") ? Number(value) : 0;
      if (limit < 1 || limit > maxQuota) return `${name} takes a whole number from 1 to ${maxQuota}, as in ${name}=60`;
      quota[key] = limit;
    }
  }
  return { admin: marks.admin, monitor: marks.admin || marks.monitor, tools: tools ?? noRights.tools, quota };
}

function toolsOf(value = ""): TokenRights["tools"] | undefined {
  if (value === "all") return "all";
  const names = serverNames.test(value) ? new Set(value.split(",")) : undefined;
  return names?.has("all") === true ? undefined : names;
}
