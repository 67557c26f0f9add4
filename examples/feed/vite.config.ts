import react from "@vitejs/plugin-react";
import { defineConfig, loadEnv } from "vite";

import { applicationServer } from "./server.ts";

export default defineConfig(({ mode }) => {
  const environment = loadEnv(mode, import.meta.dirname, ["VITE_KNOCK_", "KNOCK_"]);
  const host = environment.VITE_KNOCK_HOST ?? "http://127.0.0.1:4000";
  const secretKey = environment.KNOCK_API_KEY ?? "sk_test_doorbell";
  return {
    plugins: [react(), applicationServer(host, secretKey)],
    server: { host: "127.0.0.1" },
    build: { chunkSizeWarningLimit: 1000 },
  };
});
