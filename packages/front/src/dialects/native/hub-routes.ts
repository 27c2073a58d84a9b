// Owns the native routes that find models to download. They need the right to download models.
import { WaggleError, hubQueryChars, refuseField } from "@waggle/protocol";
import type { hubRoutes } from "@waggle/protocol";
import { requireAdmin } from "../../access/require-admin.ts";
import type { AppContext, AppOptions, ModelHub } from "../../server/context.ts";
import type { Handler } from "../../generation/dialect.ts";

export function createHubRoutes({ hub }: Pick<AppOptions, "hub">): Record<keyof typeof hubRoutes, Handler> {
  function requireHub(): ModelHub {
    if (hub !== undefined) return hub;
    throw new WaggleError(
      "unimplemented",
      "Cannot look for models to download at a gateway. Send the request to a worker.",
    );
  }

  return {
    async recommendedModels(c) {
      requireAdmin(c);
      return c.json(await requireHub().recommended());
    },
    async hubModels(c) {
      requireAdmin(c);
      const query = requireQuery(c, "query");
      return c.json(await requireHub().search(query, c.req.raw.signal));
    },
    async hubFiles(c) {
      requireAdmin(c);
      const repo = requireQuery(c, "repo");
      if (!/^hf:(?!\.+\/)[\w.-]+\/(?!\.+$)[\w.-]+$/.test(repo)) throw refuseField("repo", "hf:user/repo is wanted");
      return c.json(await requireHub().files(repo, c.req.raw.signal));
    },
  };
}

/** @throws WaggleError invalid_argument with the parameter's name, without its value */
function requireQuery(c: AppContext, name: string): string {
  const value = c.req.query(name)?.trim() ?? "";
  if (value === "") throw refuseField(name, "it must not be empty");
  if (value.length > hubQueryChars) throw refuseField(name, `at most ${hubQueryChars} characters are allowed`);
  return value;
}
