// What a person chose for this browser: language, theme, density, whether charts forecast.
import type { Language } from "./format.ts";

type Theme = "system" | "light" | "dark";
type Density = "comfortable" | "compact";

function stored<Choice extends string>(name: string, choices: readonly Choice[], fallback: Choice): Choice {
  const value = localStorage.getItem(`manmul.${name}`);
  return choices.find((choice) => choice === value) ?? fallback;
}

class Preferences {
  language = $state<Language>(stored("language", ["en", "ko"], navigator.language.startsWith("ko") ? "ko" : "en"));
  theme = $state<Theme>(stored("theme", ["system", "light", "dark"], "system"));
  density = $state<Density>(stored("density", ["comfortable", "compact"], "comfortable"));

  forecast = $state<"shown" | "hidden">(stored("forecast", ["shown", "hidden"], "shown"));

  setLanguage(language: Language): void {
    this.language = language;
    this.#keep("language", language);
  }

  setTheme(theme: Theme): void {
    this.theme = theme;
    this.#keep("theme", theme);
  }

  setDensity(density: Density): void {
    this.density = density;
    this.#keep("density", density);
  }

  setForecast(forecast: "shown" | "hidden"): void {
    this.forecast = forecast;
    this.#keep("forecast", forecast);
  }

  /** Writes the choices on the document, where the tokens read them. */
  apply(): void {
    const root = document.documentElement;
    root.lang = this.language;
    if (this.theme === "system") delete root.dataset["theme"];
    else root.dataset["theme"] = this.theme;
    if (this.density === "compact") root.dataset["density"] = "compact";
    else delete root.dataset["density"];
  }

  #keep(name: string, value: string): void {
    localStorage.setItem(`manmul.${name}`, value);
    this.apply();
  }
}

export const preferences = new Preferences();
