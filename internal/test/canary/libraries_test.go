package canary

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"reflect"

	"github.com/davecgh/go-spew/spew"
	"github.com/google/go-cmp/cmp"
	"github.com/kr/pretty"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"gopkg.in/yaml.v3"
)

// library is a way to print or encode a value.
type library struct {
	name string
	// prints returns the library's complete output for value. zero is a value of the same type to
	// which a comparison shows the difference.
	prints func(value, zero any) string
}

var libraries = []library{
	{"fmt: %v, %+v, %#v", func(value, _ any) string {
		return verbs(value, "v") + fmt.Sprint(value) + fmt.Sprintln(value) + fmt.Errorf("an error of %v", value).Error()
	}},
	{"fmt: every other verb", func(value, _ any) string { return verbs(value, others) }},
	{"fmt: %p and %w, misused", func(value, _ any) string { return verbs(value, "pw") }},
	{"log/slog, text", func(value, _ any) string {
		var b bytes.Buffer
		logs(slog.New(slog.NewTextHandler(&b, nil)), value)
		return b.String()
	}},
	{"log/slog, JSON", func(value, _ any) string {
		var b bytes.Buffer
		logs(slog.New(slog.NewJSONHandler(&b, nil)), value)
		return b.String()
	}},
	{"encoding/json", func(value, _ any) string {
		text, err := json.Marshal(value)
		return fmt.Sprint(string(text), err)
	}},
	{"encoding/xml", func(value, _ any) string {
		text, err := xml.Marshal(value)
		var b bytes.Buffer
		encodeErr := xml.NewEncoder(&b).Encode(value)
		return fmt.Sprint(string(text), err, b.String(), encodeErr)
	}},
	{"encoding/gob", func(value, _ any) string {
		var b bytes.Buffer
		err := gob.NewEncoder(&b).Encode(value)
		return fmt.Sprint(b.String(), err)
	}},
	{"yaml.v3", func(value, _ any) string {
		text, err := yaml.Marshal(value)
		return fmt.Sprint(string(text), err)
	}},
	{"spew", func(value, _ any) string {
		return spew.Sdump(value) + spew.Sprintf("%v %+v %#v %#+v", value, value, value, value)
	}},
	{"spew without methods", func(value, _ any) string {
		config := spew.ConfigState{Indent: " ", DisableMethods: true, MaxDepth: 12}
		return config.Sdump(value) + config.Sprintf("%+v", value)
	}},
	{"kr/pretty", func(value, _ any) string {
		return pretty.Sprint(value) + fmt.Sprintf("%# v", pretty.Formatter(value))
	}},
	{"kr/pretty, Diff", func(value, zero any) string { return fmt.Sprint(pretty.Diff(value, zero)) }},
	{"go-cmp", func(value, zero any) string {
		return guarded(func() string { return cmp.Diff(value, zero) }) +
			guarded(func() string { return cmp.Diff(zero, value, cmp.Exporter(func(reflect.Type) bool { return true })) })
	}},
	{"testify", func(value, zero any) string {
		var r recorder
		assert.Equal(&r, zero, value)
		assert.EqualValues(&r, value, zero)
		assert.NotEqual(&r, value, value) //nolint:testifylint // its failure message is the output
		assert.Nil(&r, value)
		assert.Empty(&r, value)
		assert.Zero(&r, value)
		assert.IsType(&r, 0, value)
		return r.String()
	}},
	{"zap", func(value, _ any) string {
		var b bytes.Buffer
		config := zap.NewProductionEncoderConfig()
		for _, encoder := range []zapcore.Encoder{zapcore.NewJSONEncoder(config), zapcore.NewConsoleEncoder(config)} {
			logger := zap.New(zapcore.NewCore(encoder, zapcore.AddSync(&b), zap.DebugLevel))
			logger.Info("m", zap.Any("value", value))
			logger.Sugar().Infow("m", "value", value)
		}
		return b.String()
	}},
	{"zerolog", func(value, _ any) string {
		var b bytes.Buffer
		logger := zerolog.New(&b)
		logger.Info().Interface("value", value).Any("any", value).Msg("m")
		logger.Info().Fields(map[string]any{"value": value}).Msg("m")
		return b.String()
	}},
}

// others are other verbs of package fmt, and letters that are not verbs.
const others = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnoqrstuxyz"

// verbs prints a value with verbs of package fmt and every flag. If a verb does not fit the value,
// fmt prints an error without calling the value's methods.
func verbs(value any, list string) string {
	var b bytes.Buffer
	for _, verb := range list {
		for _, flags := range []string{"", "+", "#", "+#", " ", "20.3", "-"} {
			fmt.Fprintf(&b, "%"+flags+string(verb)+"\n", value)
		}
	}
	return b.String()
}

func logs(logger *slog.Logger, value any) {
	logger.Info("m", "value", value)
	logger.With("value", value).WithGroup("g").Info("m", slog.Group("h", "value", value))
}

// guarded returns the result of print, or the value of its panic: go-cmp panics for fields that it
// may not read.
func guarded(print func() string) (text string) {
	defer func() {
		if p := recover(); p != nil {
			text = fmt.Sprint(p)
		}
	}()
	return print()
}

// recorder is a testing.TB that keeps its failure messages.
type recorder struct{ bytes.Buffer }

func (r *recorder) Errorf(format string, arguments ...any) { fmt.Fprintf(r, format, arguments...) }
