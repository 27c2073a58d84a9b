// Owns the start of the worker's status page.
import { mount } from "../parts/mount.tsx";
import { createApi } from "../wire/api.ts";
import { StatusPage } from "./status-page.tsx";
import "./status.css";
import { watchWorker } from "./watch-worker.ts";

const api = createApi();
mount(<StatusPage api={api} watch={watchWorker(api)} />);
