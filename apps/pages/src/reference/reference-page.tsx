// Owns the API reference: all routes and schemas in the server's OpenAPI document. Decision 098.
import { useComputed, useSignal, type Signal } from "@preact/signals";
import type { ApiDocument, ApiSchema } from "@waggle/protocol";
import type { VNode } from "preact";
import { useEffect } from "preact/hooks";
import { TopBar } from "../parts/brand.tsx";
import { Button } from "../parts/icons.tsx";
import { TokenDialog } from "../parts/token-dialog.tsx";
import type { Api } from "../wire/api.ts";
import { routeMatches, routesOf, schemaId, schemaMatches, type RouteView } from "./document.ts";
import { Item, RouteItem } from "./route-item.tsx";
import { SchemaBody } from "./schema-view.tsx";
import { target } from "./target.ts";

const documentPath = "/openapi.json";

export function ReferencePage({ api }: { readonly api: Api }): VNode {
  const document = useSignal<ApiDocument | undefined>(undefined);
  const failed = useSignal(false);
  const load = (): void => {
    failed.value = false;
    read(api).then(
      (read) => (document.value = read),
      () => (failed.value = true),
    );
  };
  useEffect(load, [api]);
  return (
    <>
      <TopBar api={api} title="Waggle API" href="/reference" links={{ Chat: "/", Status: "/status" }} />
      {failed.value && (
        <main class="board">
          <div class="notice bad spread" role="alert">
            <span>Cannot read the reference: the server does not answer.</span>
            <Button label="Try again" onClick={load} />
          </div>
        </main>
      )}
      {document.value !== undefined && <Reference document={document.value} />}
      <TokenDialog api={api} />
    </>
  );
}

/** @throws if the server does not send the document */
async function read(api: Api): Promise<ApiDocument> {
  const response = await api.request(documentPath);
  if (!response.ok) throw new Error(`The document has status ${response.status}`);
  return (await response.json()) as ApiDocument;
}

function Reference({ document }: { readonly document: ApiDocument }): VNode {
  const words = useSignal("");
  const { schemas } = document.components;
  const { id, visit } = target.value;
  // A search may hide the target of a link.
  useEffect(() => {
    if (id !== "" && window.document.getElementById(id) === null) words.value = "";
  }, [id, visit, words]);
  const all = useComputed(() => routesOf(document)).value;
  const routes = all.filter((route) => routeMatches(route, words.value.trim(), schemas));
  const shapes = Object.entries(schemas).filter(([name, schema]) => schemaMatches(name, schema, words.value.trim()));
  const groups = document.tags
    .map((tag) => ({ ...tag, id: `group-${tag.name}`, routes: routes.filter((route) => route.tag === tag.name) }))
    .filter((group) => group.routes.length > 0);
  return (
    <div class="reference">
      <nav class="contents small" aria-label="Contents">
        <ul>
          {groups.map((group) => (
            <li key={group.name}>
              <a class="group" href={`#${group.id}`}>
                {group.name}
              </a>
              <RouteLinks routes={group.routes} />
            </li>
          ))}
          {shapes.length > 0 && (
            <li>
              <a class="group" href="#schemas">
                Schemas
              </a>
            </li>
          )}
        </ul>
      </nav>
      <main class="stack">
        <Intro document={document} words={words} found={routes.length + shapes.length} />
        {groups.map((group) => (
          <Group key={group.name} id={group.id} title={`${group.name} routes`} note={group.description}>
            {group.routes.map((route) => (
              <RouteItem key={route.id} {...{ route, schemas }} />
            ))}
          </Group>
        ))}
        {shapes.length > 0 && (
          <Group id="schemas" title="Schemas" note="The shapes of bodies and events.">
            {shapes.map(([name, schema]) => (
              <ShapeItem key={name} name={name} schema={schema} />
            ))}
          </Group>
        )}
      </main>
    </div>
  );
}

function RouteLinks({ routes }: { readonly routes: readonly RouteView[] }): VNode {
  return (
    <ul class="routes">
      {routes.map(({ id, method, path }) => (
        <li key={id}>
          <a href={`#${id}`} class="anywhere">
            <span class="muted">{method}</span> {path}
          </a>
        </li>
      ))}
    </ul>
  );
}

interface IntroProps {
  readonly document: ApiDocument;
  readonly words: Signal<string>;
  readonly found: number;
}

function Intro({ document: { info }, words, found }: IntroProps): VNode {
  return (
    <section class="card">
      <h2>{`${info.title} ${info.version}`}</h2>
      <p class="small">
        {info.description} The base address is <code>{location.origin}</code>. Commands take the API token from the
        variable <code>WAGGLE_API_TOKEN</code>; local mode needs none. The same as{" "}
        <a href={documentPath}>an OpenAPI document</a>, for tools.
      </p>
      <input
        class="input"
        type="search"
        placeholder="Search routes, fields and schemas"
        aria-label="Search routes, fields and schemas"
        value={words.value}
        onInput={(event) => (words.value = event.currentTarget.value)}
      />
      <p class="small muted" role="status">
        {words.value.trim() === "" ? "" : found === 0 ? "Nothing matches." : `${found} found`}
      </p>
    </section>
  );
}

interface GroupProps {
  readonly id: string;
  readonly title: string;
  readonly note: string | undefined;
  readonly children: readonly VNode[];
}

function Group({ id, title, note, children }: GroupProps): VNode {
  return (
    <section class="card group-card" id={id} aria-labelledby={`${id}-title`}>
      <h2 id={`${id}-title`}>{title}</h2>
      {note !== undefined && <p class="small muted">{note}</p>}
      <div>{children}</div>
    </section>
  );
}

function ShapeItem({ name, schema }: { readonly name: string; readonly schema: ApiSchema }): VNode {
  return (
    <Item id={schemaId(name)} summary={<code class="anywhere">{name}</code>}>
      {() => (
        <>
          {schema.description !== undefined && schema.properties !== undefined && <p>{schema.description}</p>}
          <SchemaBody schema={schema} />
        </>
      )}
    </Item>
  );
}
