// Owns one route: a line that opens to show details, and a command to copy.
import { useSignal } from "@preact/signals";
import type { ApiAnswer, ApiDocument } from "@waggle/protocol";
import type { ComponentChildren, VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { CopyButton } from "../parts/copy-button.tsx";
import { curlOf, refName, type RouteView } from "./document.ts";
import { SchemaBody, TypeWords } from "./schema-view.tsx";
import { target } from "./target.ts";

interface ItemProps {
  readonly id: string;
  readonly summary: ComponentChildren;
  /** Called only when the item is open, because all items together have thousands of fields. */
  readonly children: () => ComponentChildren;
}

/** An item that opens when its line is clicked, or when a link leads to it. */
export function Item({ id, summary, children }: ItemProps): VNode {
  const place = useRef<HTMLDetailsElement>(null);
  const open = useSignal(false);
  const visit = target.value.id === id ? target.value.visit : undefined;
  useEffect(() => {
    if (visit === undefined) return;
    open.value = true;
    place.current?.scrollIntoView({ block: "start" });
  }, [visit, open]);
  return (
    <details
      class="item"
      id={id}
      ref={place}
      open={open.value}
      onToggle={(event) => (open.value = event.currentTarget.open)}
    >
      <summary>{summary}</summary>
      {open.value && <div class="item-body stack">{children()}</div>}
    </details>
  );
}

const methodColours: Readonly<Record<string, string>> = { GET: "good", POST: "warn", DELETE: "bad" };

export interface RouteProps {
  readonly route: RouteView;
  readonly schemas: ApiDocument["components"]["schemas"];
}

export function RouteItem(props: RouteProps): VNode {
  const { route } = props;
  const summary = (
    <>
      <span class={`badge method ${methodColours[route.method] ?? ""}`}>{route.method}</span>
      <code class="anywhere">{route.path}</code>
      <span class="small muted about">{route.summary}</span>
    </>
  );
  return (
    <Item id={route.id} summary={summary}>
      {() => <RouteBody {...props} />}
    </Item>
  );
}

function RouteBody({ route, schemas }: RouteProps): VNode {
  const command = curlOf(route, location.origin);
  /** The body's schema if it has an entry, to which the body then links. */
  const named = schemas[refName(route.request?.schema ?? {}) ?? ""];
  return (
    <>
      <p>{route.summary}</p>
      <p class="small muted">
        {route.open ? "Needs no token." : "Requires an API token, except in local mode."}{" "}
        <a href={`#${route.id}`}>Link to this route</a>
      </p>
      <div class="copyable">
        <pre class="code" tabIndex={0} aria-label="Command">
          {command}
        </pre>
        <CopyButton text={command} label="Copy the command" />
      </div>
      {route.parameters.length > 0 && (
        <div>
          <h3>Parameters</h3>
          <ul class="fields">
            {route.parameters.map(({ name, in: place, description }) => (
              <li key={`${place} ${name}`}>
                <p>
                  <code class="field-name">{name}</code> <span class="muted">{place}</span>
                </p>
                {description !== undefined && <span class="small notes">{description}</span>}
              </li>
            ))}
          </ul>
        </div>
      )}
      {route.request?.schema !== undefined && (
        <div>
          <h3>Body</h3>
          {named !== undefined && (
            <p>
              <TypeWords schema={route.request.schema} />
            </p>
          )}
          <SchemaBody schema={named ?? route.request.schema} />
        </div>
      )}
      <div>
        <h3>Answers</h3>
        <ul class="fields">
          {route.answers.map(([status, answer]) => (
            <AnswerLine key={status} status={status} answer={answer} />
          ))}
        </ul>
      </div>
    </>
  );
}

function AnswerLine({ status, answer }: { readonly status: string; readonly answer: ApiAnswer }): VNode {
  return (
    <li>
      <p>
        <code class="field-name">{status}</code>{" "}
        {Object.entries(answer.content ?? {}).map(([type, { schema }], i) => (
          <span key={type} class="muted">
            {i > 0 && ", "}
            {type} {schema !== undefined && <TypeWords schema={schema} />}
          </span>
        ))}
      </p>
      <span class="small notes">{answer.description}</span>
    </li>
  );
}
