// Owns the line below the list of conversations: export and import.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Button, IconButton } from "../../parts/icons.tsx";
import { Menu } from "../../parts/menu/menu.tsx";
import { saveFile } from "../../parts/save-file.ts";
import { usePage } from "../page.ts";
import type { FileKind } from "../storage/library.ts";

/** Time until the result of an import goes; a problem stays until it is closed. */
const noticeMs = 8_000;

export function SidebarFoot(): VNode {
  const { conversations, library } = usePage();
  const notice = useSignal<{ readonly text: string; readonly bad: boolean } | undefined>(undefined);
  const input = useRef<HTMLInputElement>(null);
  const { value: shown } = notice;
  useEffect(() => {
    if (shown === undefined || shown.bad) return;
    const timer = setTimeout(() => (notice.value = undefined), noticeMs);
    return () => clearTimeout(timer);
  }, [shown, notice]);

  function exportAll(kind: FileKind): void {
    library.export(kind).then(saveFile, (error: unknown) => report(error));
  }

  function report(error: unknown): void {
    notice.value = { text: error instanceof Error ? error.message : String(error), bad: true };
  }

  async function take(file: File | undefined): Promise<void> {
    if (file === undefined) return;
    try {
      notice.value = { text: await library.import(file), bad: false };
    } catch (error) {
      report(error);
    }
  }

  return (
    <div class="stack tight sidebar-foot small">
      {shown !== undefined && (
        <div class={`notice spread ${shown.bad ? "bad" : ""}`}>
          <p class="anywhere" role={shown.bad ? "alert" : "status"}>
            {shown.text}
          </p>
          <IconButton icon="close" label="Close the notice" onClick={() => (notice.value = undefined)} />
        </div>
      )}
      <div class="row" role="group" aria-label="All conversations">
        <Menu
          label="Export"
          face="Export"
          kind="tiny quiet"
          disabled={conversations.heads.value.length === 0}
          items={[
            ["download", "All as JSON, to import", () => exportAll("json")],
            ["download", "All as Markdown, to read", () => exportAll("markdown")],
          ]}
        />
        <Button label="Import" kind="tiny quiet" onClick={() => input.current?.click()} />
        <input
          ref={input}
          type="file"
          hidden
          accept=".json,application/json"
          aria-label="File to import"
          onChange={({ currentTarget }) => {
            void take(currentTarget.files?.[0]);
            currentTarget.value = "";
          }}
        />
        <span
          class="muted"
          title="The conversations are kept in this browser only. To use them in another one, export and import them."
        >
          Kept in this browser
        </span>
      </div>
    </div>
  );
}
