# Tenon: every target does its own set-up and can be run first. CONTRIBUTING.md says more.
BUILD ?= build

.PHONY: run build test test-fleet test-fresh bench bench-scale clean

run: build
	@exec $(BUILD)/tenon dev

build: $(BUILD)/build.ninja
	@ninja -C $(BUILD) --quiet

$(BUILD)/build.ninja:
	@scripts/setup build
	@echo 'building Tenon in $(BUILD)/ (the first time takes a minute)'
	@meson setup $(BUILD) >$(BUILD).log || { cat $(BUILD).log; exit 1; }
	@rm $(BUILD).log

test:
	@scripts/test

test-fleet: build
	@tests/fleet/run

test-fresh:
	@scripts/test-fresh

bench: build
	@bench/run

bench-scale: build
	@bench/run scale

clean:
	rm -rf build build-*
