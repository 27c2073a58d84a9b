// Owns the start of the hive's page.
import { mount } from "../parts/mount.tsx";
import { createApi } from "../wire/api.ts";
import { HivePage } from "./hive-page.tsx";
import "./hive.css";
import { followHive } from "./state/hive-feed.ts";

const api = createApi("/v1/workers");
mount(<HivePage api={api} feed={followHive(api)} />);
