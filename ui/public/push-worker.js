// Shows what the server pushes while no page is open; a press opens the page it is about.
addEventListener("push", (event) => {
  const said = event.data ? event.data.json() : {};
  event.waitUntil(self.registration.showNotification(said.title || "Manmul", { body: said.message || "", icon: "/icon.svg", tag: said.id, data: { path: said.rule ? `/rules/${encodeURIComponent(said.rule)}?tab=traces` : "/notifications" } }));
});

addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(self.clients.openWindow(event.notification.data.path));
});
