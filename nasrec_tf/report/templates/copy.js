// A button beside every command and path that one may want elsewhere.
for (const source of document.querySelectorAll("pre, code.copy")) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "copy";
  button.className = "copy-button";
  button.addEventListener("click", async () => {
    const text = source.textContent;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // Pages from elsewhere than this machine may not: what is selected can be copied by hand.
      getSelection().selectAllChildren(source);
      return;
    }
    button.textContent = "copied";
    setTimeout(() => { button.textContent = "copy"; }, 1500);
  });
  source.insertAdjacentElement("afterend", button);
}
