// Owns components whose code a page loads only when it first shows them.
import type { ComponentType, VNode } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Alert } from "../parts/alert.tsx";

/** @param load resolves with the component; if it rejects, for example because the server has a newer page, the page says so */
export function deferred<Props extends object>(
  load: () => Promise<ComponentType<Props>>,
): (props: Props) => VNode | null {
  let Loaded: ComponentType<Props> | undefined;
  return function Deferred(props) {
    const [state, setState] = useState<"loading" | "loaded" | "failed">(Loaded === undefined ? "loading" : "loaded");
    useEffect(() => {
      if (state !== "loading") return;
      void load().then(
        (component) => {
          Loaded = component;
          setState("loaded");
        },
        () => setState("failed"),
      );
    }, []);
    if (state === "failed") return <Alert text="A part of this page cannot be loaded. Reload the page." />;
    return Loaded === undefined ? null : <Loaded {...props} />;
  };
}
