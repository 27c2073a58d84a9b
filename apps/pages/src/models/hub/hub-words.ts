// Owns the texts for the hub's models. Pure.
import type { Fit, HubFile, HubModel } from "@waggle/protocol";
import { formatBytes, formatCount, formatCounted, joinFacts } from "../../parts/format.ts";

/** For example "1,234 downloads in a month · 7 likes". */
export function popularityWords({ downloads, likes, gated }: HubModel): string {
  const month = `${formatCounted(downloads, "download")} in a month`;
  return joinFacts(month, formatCounted(likes, "like"), gated ? "needs a token of the hub" : undefined);
}

export interface Verdict {
  readonly words: string;
  /** The class of its badge. */
  readonly tone: "good" | "warn" | "bad";
}

/** In the words of `waggle fit`. */
export function verdictOf({ verdict, gpu }: Fit): Verdict {
  if (verdict === "none") return { words: "does not fit", tone: "bad" };
  const place = gpu === "whole" ? ", all on the GPU" : gpu === "part" ? ", partly on the GPU" : "";
  return verdict === "fits"
    ? { words: `fits${place}`, tone: "good" }
    : { words: `fits with a smaller context${place}`, tone: "warn" };
}

/** The memory of one answer comes first: that of all slots frightens people away from models that suit them. */
export function memoryWords({ one_answer_bytes: one, memory_bytes: all }: Fit): string {
  return `${formatBytes(one)} of memory for one answer${all > one ? `, ${formatBytes(all)} for several` : ""}`;
}

/** For example "2.5 GB · needs 3.1 GB of memory for one answer, 5.0 GB for several, with 8,192 tokens of context". */
export function sizeWords({ bytes, parts, pictures, fit, problem }: HubFile): string {
  const context =
    fit?.verdict === "none" || fit === undefined ? "" : `, with ${formatCount(fit.context_size)} tokens of context`;
  return joinFacts(
    parts === 1 ? formatBytes(bytes) : `${formatBytes(bytes)} in ${formatCounted(parts, "part")}`,
    fit && `needs ${memoryWords(fit)}${context}`,
    pictures ? "pictures" : undefined,
    problem,
  );
}

/** The host of the hub's address. */
export function hubName(hub: string): string {
  return URL.canParse(hub) ? new URL(hub).host : hub;
}

/** The quantization that loses little quality for its size, then the next larger and the next smaller ones. */
const goodQuantizations = ["Q4_K_M", "Q4_K_S", "Q5_K_M", "Q5_K_S", "Q6_K", "MXFP4", "Q4_0", "Q8_0"] as const;

/** The file to take: of those that fit with the whole context, or else at all, the one with the best quantization. */
export function fileToTake(files: readonly HubFile[]): HubFile | undefined {
  for (const verdict of ["fits", "smaller"]) {
    const fitting = files.filter((file) => file.fit?.verdict === verdict);
    for (const wanted of goodQuantizations) {
      const found = fitting.find(({ quantization }) => quantization?.toUpperCase() === wanted);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}
