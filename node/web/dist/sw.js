(() => {
  // src/sw.ts
  var worker = self;
  var shell = ["/", "/app.js", "/app.css", "/icon.svg", "/icon-192.png", "/manifest.webmanifest", "/lang/ru.json", "/lang/vi.json"];
  var cacheName = "linnet-shell-1";
  worker.addEventListener("install", (e) => e.waitUntil((async () => {
    await (await caches.open(cacheName)).addAll(shell);
    worker.skipWaiting();
  })()));
  worker.addEventListener("activate", (e) => e.waitUntil((async () => {
    for (const k of await caches.keys()) if (k !== cacheName) await caches.delete(k);
    await worker.clients.claim();
  })()));
  worker.addEventListener("fetch", (e) => {
    const url = new URL(e.request.url);
    if (e.request.method !== "GET" || url.origin !== location.origin || url.pathname.startsWith("/v1/") || !shell.includes(url.pathname)) return;
    e.respondWith((async () => {
      const cache = await caches.open(cacheName);
      try {
        const answer = await fetch(e.request);
        if (answer.ok) await cache.put(url.pathname, answer.clone());
        return answer;
      } catch {
        return await cache.match(url.pathname) ?? Response.error();
      }
    })());
  });
})();
