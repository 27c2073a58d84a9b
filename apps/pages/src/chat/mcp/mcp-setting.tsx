// Shows the worker's MCP servers in the settings, and whether the model may call their tools. Shows nothing if the client may use no server, unless the setting is on.
import { useSignal, type Signal } from "@preact/signals";
import type { McpServers } from "@waggle/protocol";
import type { VNode } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Api } from "../../wire/api.ts";

type Server = McpServers["servers"][number];

export interface McpSettingProps {
  readonly api: Api;
  readonly chosen: Signal<boolean>;
}

/** A server may need a minute to start. */
const startMs = 70_000;

export function McpSetting({ api, chosen }: McpSettingProps): VNode | null {
  const servers = useSignal<readonly Server[] | undefined>(undefined);
  // The worker refuses every message while the setting is on, so the user has to be able to turn it off.
  const [wasChosen] = useState(chosen.peek());
  useEffect(() => {
    const leaving = new AbortController();
    void readServers(api, leaving.signal).then((found) => (servers.value = found));
    return () => leaving.abort();
  }, [api, servers]);
  const { value: found = [] } = servers;
  if (found.length === 0 && !wasChosen) return null;
  return (
    <fieldset class="stack mcp-setting">
      <legend>Tools that the server runs</legend>
      <label class="row check">
        <input
          type="checkbox"
          checked={chosen.value}
          onChange={(event) => (chosen.value = event.currentTarget.checked)}
        />{" "}
        The model may call these tools
      </label>
      <ul>
        {found.map((server) => (
          <li key={server.name} class="anywhere">
            <strong>{server.name}</strong>: {serverWords(server)}
          </li>
        ))}
      </ul>
      {servers.value?.length === 0 && <p>This worker has no tools that you may run.</p>}
      <p class="small muted">The chat asks before each call of a tool, unless the tool is marked as allowed.</p>
    </fieldset>
  );
}

function serverWords({ problem, tools }: Server): string {
  if (problem !== undefined) return `cannot be used (${problem})`;
  if (tools.length === 0) return "no tools";
  return tools.map(({ tool, needs_consent: asks }) => (asks ? tool : `${tool} (allowed)`)).join(", ");
}

/** An older worker, or a gateway, has no such route. */
async function readServers(api: Api, signal: AbortSignal): Promise<readonly Server[]> {
  try {
    const response = await api.request("/v1/mcp/servers", { method: "POST", signal, responseTimeoutMs: startMs });
    return response.ok ? ((await response.json()) as McpServers).servers : [];
  } catch {
    return [];
  }
}
