# Tenon: every target does its own set-up and can be run first. CONTRIBUTING.md says more.
BUILD ?= build

.PHONY: run build test clean

run: build
	$(BUILD)/tenon dev

build: $(BUILD)/build.ninja
	@ninja -C $(BUILD) --quiet

$(BUILD)/build.ninja:
	@scripts/setup build
	@meson setup $(BUILD) -Dwarning_level=3 >/dev/null

test:
	@scripts/test

clean:
	rm -rf build build-*
