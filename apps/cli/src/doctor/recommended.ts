// Reports the best recommended model of each purpose for this machine.
import { formatBytes } from "@waggle/daemon/terminal";
import { bestOfPurposes, listedOn, purposeNames } from "@waggle/models/recommended";
import { downloadedWords, speedWords, type AdviceHere } from "../local/recommended.ts";
import { ok, type Finding } from "./finding.ts";

const check = "Recommended";

export function checkRecommended({ advice, machine }: AdviceHere): readonly Finding[] {
  return bestOfPurposes(advice, machine).map(({ purpose, best }) => {
    const name = purposeNames[purpose];
    const fit = best?.row.fit;
    if (best === undefined || fit === undefined) return ok(check, `${name}: no model of the list of ${listedOn} fits`);
    const { model } = best;
    const context = fit.verdict === "smaller" ? `fits with ${fit.contextSize} tokens of context` : "fits";
    const facts = [formatBytes(model.bytes), context, ...speedWords(fit)].join(", ");
    const text = `${name}: ${model.name} (${facts}; ${downloadedWords(model)})`;
    return { ...ok(check, text), remedy: `Download it: waggle pull ${model.reference}` };
  });
}
