// Runs a target on the inputs of the folders that are named: the regression of what fuzzing found,
// for any compiler.
#include <algorithm>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <vector>

#include "check.hpp"

namespace {

std::vector<std::filesystem::path> files_in(const std::filesystem::path& folder) {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        files.push_back(entry.path());
    }
    std::ranges::sort(files);
    return files;
}

std::string contents(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

int main(int count, char** arguments) {
    std::size_t inputs = 0;
    for (const char* folder : std::span(arguments, static_cast<std::size_t>(count)).subspan(1)) {
        for (const auto& path : files_in(folder)) {
            // A block of its own, so that a sanitizer sees every byte read behind it.
            const auto text = contents(path);
            const std::vector<std::uint8_t> bytes(text.begin(), text.end());
            try {
                LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
            } catch (const std::exception& error) {
                std::printf("%s: %s\n", path.c_str(), error.what());
                return 1;
            }
            ++inputs;
        }
    }
    std::printf("%zu inputs\n", inputs);
    return inputs == 0 ? 1 : 0;
}
