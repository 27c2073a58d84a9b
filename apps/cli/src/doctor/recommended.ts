// Reports the best recommended model of each purpose for this machine.
import { bestOfPurposes, listedOn, purposeNames, type Advice } from "@waggle/models/recommended";
import { downloadedWords, fitWords } from "../local/recommended.ts";
import { ok, type Finding } from "./finding.ts";

const check = "Recommended";

export function checkRecommended(advice: readonly Advice[]): readonly Finding[] {
  return bestOfPurposes(advice).map(({ purpose, best }) => {
    const name = purposeNames[purpose];
    const fit = best?.row.fit;
    if (best === undefined || fit === undefined) return ok(check, `${name}: no model of the list of ${listedOn} fits`);
    const { model } = best;
    const text = `${name}: ${model.name} (${fitWords({ model, fit })}; list of ${listedOn}, ${downloadedWords(model)})`;
    return { ...ok(check, text), remedy: `Download it: waggle pull ${model.reference}` };
  });
}
