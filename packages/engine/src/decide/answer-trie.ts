// Builds the trie of a reading's answers: which tokens to feed behind the prompt, where to read logprobs, and each option's probability from them.
import type { Token } from "../port/steps.ts";

/** A path of the trie. Its tokens follow the prompt; the reads of all branches together cover each node once. */
export interface Branch {
  /** Tokens of the answers; empty for the first branch of answers with one token each. */
  readonly tokens: readonly Token[];
  /** In ascending order of `behind`. */
  readonly reads: readonly NodeRead[];
  /** Number of its tokens that the branch before it does not have. */
  readonly newTokens: number;
}

/** Reads the logprobs of a node's tokens behind so many of the branch's tokens. */
export interface NodeRead {
  readonly node: number;
  readonly behind: number;
}

export interface AnswerTrie {
  /** At least one. Branches next to each other have the most tokens in common. */
  readonly branches: readonly Branch[];
  /** The tokens that may follow each node. Node 0 is the end of the prompt. */
  readonly nodes: readonly (readonly Token[])[];
  /**
   * @param logprobs for each node the logprobs of its tokens
   * @returns for each option the natural logarithm of the summed probability of its answers
   */
  score(logprobs: readonly (readonly number[])[]): number[];
}

interface Node {
  readonly id: number;
  /** The nodes behind the tokens that may follow; undefined where an answer ends. */
  readonly next: Map<Token, Node | undefined>;
}

/** A node on the way of the search. */
interface Visit {
  readonly node: Node;
  readonly token: Token;
  /** Number of tokens behind which the node is. */
  readonly depth: number;
}

/** @param options for each option the tokens of its answers, each with at least one token */
export function createAnswerTrie(options: readonly (readonly (readonly Token[])[])[]): AnswerTrie {
  const nodes: Node[] = [];
  const create = (): Node => {
    const node = { id: nodes.length, next: new Map() };
    nodes.push(node);
    return node;
  };
  const root = create();
  for (const answer of options.flat()) insert(root, answer, create);

  return {
    branches: branchesOf(root),
    nodes: nodes.map(({ next }) => [...next.keys()]),
    score: (logprobs) => options.map((answers) => logOfSum(answers.map((answer) => scoreOf(root, answer, logprobs)))),
  };
}

function insert(root: Node, answer: readonly Token[], create: () => Node): void {
  let node = root;
  for (const token of answer.slice(0, -1)) {
    const next = node.next.get(token) ?? create();
    node.next.set(token, next);
    node = next;
  }
  const last = answer.at(-1);
  if (last !== undefined && !node.next.has(last)) node.next.set(last, undefined);
}

/** Searches depth first: each branch continues the path of the one before it from the last node that both have. */
function branchesOf(root: Node): Branch[] {
  const branches: Branch[] = [];
  let tokens: Token[] = [];
  let reads: NodeRead[] = [{ node: root.id, behind: 0 }];
  let common = 0;
  const end = (): void => void branches.push({ tokens, reads, newTokens: tokens.length - common });
  const open = childrenOf(root, 0);
  for (let visit = open.pop(); visit !== undefined; visit = open.pop()) {
    const { node, token, depth } = visit;
    if (depth <= tokens.length) {
      end();
      common = depth - 1;
      [tokens, reads] = [tokens.slice(0, common), []];
    }
    tokens.push(token);
    reads.push({ node: node.id, behind: depth });
    open.push(...childrenOf(node, depth));
  }
  end();
  return branches;
}

/** The first child last. */
function childrenOf({ next }: Node, depth: number): Visit[] {
  const visits: Visit[] = [];
  for (const [token, node] of next) if (node !== undefined) visits.unshift({ node, token, depth: depth + 1 });
  return visits;
}

function scoreOf(root: Node, answer: readonly Token[], logprobs: readonly (readonly number[])[]): number {
  let node: Node | undefined = root;
  let sum = 0;
  for (const token of answer) {
    if (node === undefined) throw new Error("The trie does not have this answer");
    sum += logprobs[node.id]?.[[...node.next.keys()].indexOf(token)] ?? NaN;
    node = node.next.get(token);
  }
  return sum;
}

/** ln(sum(exp(x))), which stays finite for very small probabilities. */
function logOfSum(logs: readonly number[]): number {
  const greatest = Math.max(...logs);
  return greatest + Math.log(logs.reduce((sum, each) => sum + Math.exp(each - greatest), 0));
}
