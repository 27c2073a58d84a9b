// Builds the error for a request that breaks its schema. The error names the field and the problem.
import type { z } from "zod";
import { WaggleError } from "../errors.ts";
import { nearWord } from "./near.ts";
import { typeNames, unspecificWords } from "./issue-words.ts";

type Issue = z.core.$ZodIssue;

/** Maximum number of problems listed for one request. */
const mostProblems = 20;
/** Maximum number of union alternatives that are examined for one field. No schema has this many alternatives. */
const mostBranches = 16;
const fieldChars = 200;

export interface Problem {
  readonly field: string;
  readonly problem: string;
}

/** Turns zod's issues into one `invalid_argument`. Its message names the first field, and its details list all fields. */
export function invalidArgument(error: z.ZodError, what = "request"): WaggleError {
  const problems = error.issues.slice(0, mostProblems).flatMap((issue) => problemsOf(issue));
  const first = problems[0] ?? { field: "", problem: "invalid" };
  const place = first.field === "" ? `the ${what}` : `field "${first.field}"`;
  return new WaggleError("invalid_argument", `Cannot accept ${place}: ${first.problem}.`.replace(/\.\.$/, "."), {
    details: { problems },
  });
}

function problemsOf(issue: Issue): Problem[] {
  if (issue.code === "unrecognized_keys") {
    const keys = issue.keys.slice(0, mostProblems);
    const { known = [] } = issue as { readonly known?: readonly string[] };
    return keys.map((key) => ({ field: fieldOf([...issue.path, key]), problem: unknownField(key, known) }));
  }
  const { path, message } = mostSpecific(issue);
  return [{ field: fieldOf(path), problem: message }];
}

function unknownField(key: string, known: readonly string[]): string {
  const near = nearWord(key, known);
  return `unknown field${near === undefined ? "" : ` (did you mean "${near}"?)`}`;
}

function fieldOf(path: readonly PropertyKey[]): string {
  return path.map(String).join(".").slice(0, fieldChars);
}

type IssuePlace = Pick<Issue, "path" | "message">;

/** For a union, zod reports only that all alternatives failed. Finds the alternative that is closest to the value, and returns the problem of this alternative. */
function mostSpecific(issue: Issue): IssuePlace {
  const inside = issuesInside(issue);
  if (inside.length === 0) return issue;
  const [best] = inside.toSorted((a, b) => nearness(b) - nearness(a) || progress(b, a));
  if (best === undefined) return issue;
  // The union schema's own message is the clearest message, unless the value nearly matches an alternative.
  if (nearness(best) <= 2 && issue.message !== unspecificWords) return issue;
  if (nearness(best) === 0) return { path: issue.path, message: expectedOneOf(inside) ?? best.message };
  const { path, message } = mostSpecific(best);
  return { path: [...issue.path, ...path], message };
}

/** The first issue of each alternative. */
function issuesInside(issue: Issue): Issue[] {
  if (issue.code === "invalid_key" || issue.code === "invalid_element") return issue.issues.slice(0, 1);
  if (issue.code !== "invalid_union") return [];
  return issue.errors.slice(0, mostBranches).flatMap(([first]) => first ?? []);
}

/**
 * How close the value is to the alternative of this issue. 0: the value has the wrong type. 1: the value is not one of the allowed words. 2: only
 * the tag is wrong. 3: a nested value has the wrong type. 4: all types are right, but the value violates a limit or a rule.
 */
function nearness({ code, path }: Issue): number {
  const isType = code === "invalid_type";
  const isWord = code === "invalid_value";
  if (path.length === 0 && (isType || isWord)) return isType ? 0 : 1;
  if (path.length === 1 && isWord) return 2;
  return isType || isWord || code === "invalid_union" ? 3 : 4;
}

/** Positive if validation failed later in a list, or deeper, for `a` than for `b`. */
function progress({ path: a }: Issue, { path: b }: Issue): number {
  const at = a.findIndex((step, i) => step !== b[i]);
  const [mine, other] = [a[at], b[at]];
  return typeof mine === "number" && typeof other === "number" ? mine - other : a.length - b.length;
}

/** Lists the expected types, for a value whose type is wrong in every alternative. */
function expectedOneOf(issues: readonly Issue[]): string | undefined {
  const expected = new Set(issues.flatMap((issue) => (issue.code === "invalid_type" ? [issue.expected] : [])));
  return expected.size < 2 ? undefined : `must be ${typeNames([...expected])}`;
}
