// Owns `waggle doctor`: prints each finding with its remedy as soon as its check has ended.
import { exitCodes } from "../cli-error.ts";
import type { Run } from "../command.ts";
import { examine } from "../doctor/examine.ts";
import type { Finding, Level } from "../doctor/finding.ts";
import { type Style, createStatusLine } from "@waggle/daemon/terminal";

const marks: Readonly<Record<Level, string>> = { ok: "✓", warning: "!", problem: "✗" };
const nameColumns = 17;

export const run: Run = async (context, words) => {
  const { out } = context;
  const json = words.has("json");
  const status = createStatusLine(out);
  const findings: Finding[] = [];
  try {
    for await (const finding of examine(context, (what) => void (json || status.show(`  ${what} …`)))) {
      status.clear();
      findings.push(finding);
      if (!json) out.write(formatFinding(finding, out.style));
    }
  } finally {
    status.clear();
  }
  out.write(json ? `${JSON.stringify(findings, undefined, 2)}\n` : `\n${summary(findings)}\n`);
  return findings.some(({ level }) => level === "problem") ? exitCodes.failed : exitCodes.ok;
};

export function formatFinding({ check, level, text, remedy }: Finding, style: Style): string {
  const paint = { ok: style.green, warning: style.yellow, problem: style.red }[level];
  const line = `${paint(marks[level])} ${check.padEnd(nameColumns)}  ${text}\n`;
  return remedy === undefined ? line : `${line}  ${" ".repeat(nameColumns)}  → ${remedy}\n`;
}

function summary(findings: readonly Finding[]): string {
  const problems = findings.filter(({ level }) => level === "problem").length;
  const warnings = findings.filter(({ level }) => level === "warning").length;
  if (problems === 0 && warnings === 0) return "No problems found.";
  const count = (number: number, word: string): string => `${number} ${word}${number === 1 ? "" : "s"}`;
  if (problems === 0) return `Waggle works, with ${count(warnings, "warning")}.`;
  return `${count(problems, "problem")} and ${count(warnings, "warning")}.`;
}
