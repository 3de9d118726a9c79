// Runs before first paint so that a chosen theme never flashes the other one; a file because inline scripts are refused.
(function () {
  var root = document.documentElement;
  var theme = localStorage.getItem("manmul.theme");
  if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  if (localStorage.getItem("manmul.density") === "compact") root.dataset.density = "compact";
})();
