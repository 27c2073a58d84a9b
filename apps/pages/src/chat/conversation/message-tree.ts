// Owns the shape of a conversation: a tree, in which editing or regenerating adds a branch next to the old branch. A list of versions for each
// message would lose the messages after the old version. Pure; knows only which message follows which.

export interface TreeMessage {
  readonly id: string;
  /** Id of the message before; absent for the first message of a conversation. */
  readonly parent?: string;
  /** Milliseconds since 1970; orders messages with the same parent. */
  readonly sentAt: number;
}

/** For each parent's id, the id of the shown message among those with that parent. The key for the first messages is `""`. */
export type Chosen = Readonly<Record<string, string>>;

const beginning = "";

/** Messages by the id of their parent, oldest first. A message whose parent is missing is at the beginning, so that each can be shown. */
function branchesOf<T extends TreeMessage>(messages: readonly T[]): Map<string, T[]> {
  const ids = new Set(messages.map(({ id }) => id));
  const branches = new Map<string, T[]>();
  for (const message of messages) {
    const parent = branchKey(message, ids);
    const siblings = branches.get(parent);
    if (siblings === undefined) branches.set(parent, [message]);
    else siblings.push(message);
  }
  for (const siblings of branches.values()) siblings.sort(byAge);
  return branches;
}

function branchKey({ parent }: TreeMessage, ids: ReadonlySet<string>): string {
  return parent !== undefined && ids.has(parent) ? parent : beginning;
}

function byAge(a: TreeMessage, b: TreeMessage): number {
  return a.sentAt - b.sentAt || (a.id < b.id ? -1 : 1);
}

/** The messages from the beginning to a leaf: at each branching the chosen message, or else the newest. */
export function shownPath<T extends TreeMessage>(messages: readonly T[], chosen: Chosen): readonly T[] {
  const branches = branchesOf(messages);
  const path: T[] = [];
  for (let at = beginning; ;) {
    const next = branches.get(at);
    const message = next?.find(({ id }) => id === chosen[at]) ?? next?.at(-1);
    // Each message has a single parent, so a path from the beginning has no circle.
    if (message === undefined) return path;
    path.push(message);
    at = message.id;
  }
}

/** The messages from the beginning to this message, inclusive; empty for an unknown message. */
export function pathTo<T extends TreeMessage>(messages: readonly T[], id: string): readonly T[] {
  const byId = new Map(messages.map((message) => [message.id, message]));
  const path: T[] = [];
  for (let message = byId.get(id); message !== undefined; message = byId.get(message.parent ?? beginning)) {
    byId.delete(message.id);
    path.push(message);
  }
  return path.toReversed();
}

/** For each message, the ids of all messages with the same parent, itself included; oldest first. */
export function siblingIds(messages: readonly TreeMessage[]): ReadonlyMap<string, readonly string[]> {
  const siblings = new Map<string, readonly string[]>();
  for (const branches of branchesOf(messages).values()) {
    const ids = branches.map(({ id }) => id);
    for (const id of ids) siblings.set(id, ids);
  }
  return siblings;
}

/** The choices that put a message on the shown path. */
export function choicesFor(messages: readonly TreeMessage[], id: string): Chosen {
  const ids = new Set(messages.map((message) => message.id));
  return Object.fromEntries(pathTo(messages, id).map((message) => [branchKey(message, ids), message.id]));
}

/** Whether messages follow each other in a circle, which no path from the beginning reaches. */
export function hasCircle(messages: readonly TreeMessage[]): boolean {
  const branches = branchesOf(messages);
  const open = [...(branches.get(beginning) ?? [])];
  let reached = 0;
  for (let message = open.pop(); message !== undefined; message = open.pop()) {
    reached += 1;
    open.push(...(branches.get(message.id) ?? []));
  }
  return reached < messages.length;
}
