// Owns the line of a running or failed change of a model, and the notice of a refused one.
import type { ComponentChildren, VNode } from "preact";
import { Button } from "../../parts/icons.tsx";
import type { Api } from "../../wire/api.ts";
import type { Problem } from "../../wire/problem.ts";
import type { Change, ChangeKind } from "./changes.ts";
import { ProgressLine } from "./progress-line.tsx";

const words: Readonly<Record<ChangeKind, readonly [name: string, underWay: string]>> = {
  load: ["Load", "Requesting the load…"],
  unload: ["Unload", "Unloading after the last job…"],
  pin: ["Pin", "Pinning…"],
  unpin: ["Unpin", "Unpinning…"],
  delete: ["Delete", "Deleting…"],
  swap: ["Swap", "Requesting the other file…"],
};

export interface ChangeLineProps {
  readonly api: Api;
  readonly change: Change;
  readonly onDismiss: (change: Change) => void;
}

export function ChangeLine({ api, change, onDismiss }: ChangeLineProps): VNode {
  const { kind, subject, progress, problem } = change;
  const [name, underWay] = words[kind];
  if (problem !== undefined) {
    return (
      <Refusal {...{ api, problem }} what={name}>
        <Button label="Dismiss" aria-label={`Dismiss: ${name} ${subject}`} onClick={() => onDismiss(change)} />
      </Refusal>
    );
  }
  return progress === undefined ? (
    <p class="small muted" role="status">
      {underWay}
    </p>
  ) : (
    <ProgressLine progress={progress} subject={subject} />
  );
}

export interface RefusalProps {
  readonly api: Api;
  readonly problem: Problem;
  /** What was refused. */
  readonly what: string;
  readonly children?: ComponentChildren;
}

export function Refusal({ api, problem, what, children }: RefusalProps): VNode {
  const forbidden = problem.code === "forbidden";
  return (
    <div class="notice bad spread wrap anywhere" role="alert">
      <span>
        <strong>{what}</strong>: {forbidden ? "it requires an admin token." : problem.message}
      </span>
      <span class="row">
        {forbidden && <AdminTokenButton api={api} />}
        {children}
      </span>
    </div>
  );
}

export function AdminTokenButton({ api }: { readonly api: Api }): VNode {
  return <Button label="Enter an admin token" onClick={() => (api.tokenAsked.value = "admin")} />;
}
