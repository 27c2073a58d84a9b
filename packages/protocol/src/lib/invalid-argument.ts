// Owns how a request that breaks its schema is refused: which field it was, and why.
import type { z } from "zod";
import { WaggleError } from "./errors.ts";

type Issue = z.core.$ZodIssue;

/** What is told of one request. */
const mostProblems = 20;
/** What is looked at of a field that may be one of several things; schemas have fewer. */
const mostBranches = 16;
const fieldChars = 200;
/** Where a schema has none of its own. */
const zodsWords = "Invalid input";

export interface Problem {
  readonly field: string;
  readonly problem: string;
}

/** Turns zod's issues into one `invalid_argument` whose message names the first field and whose details list them all. */
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
    return keys.map((key) => ({ field: fieldOf([...issue.path, key]), problem: "unknown field" }));
  }
  const { path, message } = mostSpecific(issue);
  return [{ field: fieldOf(path), problem: message }];
}

function fieldOf(path: readonly PropertyKey[]): string {
  return path.map(String).join(".").slice(0, fieldChars);
}

type Place = Pick<Issue, "path" | "message">;

/** Of a field that may be one of several things, zod says only that it is none of them: what was meant, and what is wrong with that, is inside. */
function mostSpecific(issue: Issue): Place {
  const inside = issuesInside(issue);
  if (inside.length === 0) return issue;
  const [best] = inside.toSorted((a, b) => nearness(b) - nearness(a) || progress(b, a));
  if (best === undefined) return issue;
  // A schema that says in its own words what it takes knows best, unless the value is nearly that.
  if (nearness(best) <= 2 && issue.message !== zodsWords) return issue;
  if (nearness(best) === 0) return { path: issue.path, message: expectedOneOf(inside) ?? best.message };
  const { path, message } = mostSpecific(best);
  return { path: [...issue.path, ...path], message };
}

/** The first issue of each thing that it could have been. */
function issuesInside(issue: Issue): Issue[] {
  if (issue.code === "invalid_key" || issue.code === "invalid_element") return issue.issues.slice(0, 1);
  if (issue.code !== "invalid_union") return [];
  return issue.errors.slice(0, mostBranches).flatMap(([first]) => first ?? []);
}

/**
 * How near the value came to what this issue is about: not even its type, not one of its words, only its tag is another, something in it has
 * another type, or all types are right and only a limit or a rule is broken.
 */
function nearness({ code, path }: Issue): number {
  const isType = code === "invalid_type";
  const isWord = code === "invalid_value";
  if (path.length === 0 && (isType || isWord)) return isType ? 0 : 1;
  if (path.length === 1 && isWord) return 2;
  return isType || isWord || code === "invalid_union" ? 3 : 4;
}

/** Positive where `a` failed later in a list, or deeper, than `b`. */
function progress({ path: a }: Issue, { path: b }: Issue): number {
  const at = a.findIndex((step, i) => step !== b[i]);
  const [mine, other] = [a[at], b[at]];
  return typeof mine === "number" && typeof other === "number" ? mine - other : a.length - b.length;
}

/** Where the value has none of the types: which there are. */
function expectedOneOf(issues: readonly Issue[]): string | undefined {
  const expected = new Set(issues.flatMap((issue) => (issue.code === "invalid_type" ? [issue.expected] : [])));
  return expected.size < 2 ? undefined : `Invalid input: expected ${[...expected].join(" or ")}`;
}
